create index if not exists messages_thread on public.messages (thread_id, seq) where thread_id is not null;
create index if not exists messages_pinned on public.messages (conversation_id, pinned_at desc) where pinned_at is not null;
create index if not exists user_conversation_joined on public.user_conversation (conversation_id, joined_at nulls first, user_id);
create index if not exists conversations_public on public.conversations (created_at desc, id desc) where visibility = 'public';
