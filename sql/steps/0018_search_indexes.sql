-- New entries wait in a list that a job empties; a send does it only where that list has grown to 4 MiB.
create index if not exists messages_search on public.messages using gin (public.chat_search_vector(message)) with (gin_pending_list_limit = 4096) where deleted_at is null and type = 'text';
