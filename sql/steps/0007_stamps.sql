-- What `migrate` compares with the file: the hash of its functions, and the oldest code that this schema serves.
alter table public.chat_schema
    add column if not exists functions_hash text,
    add column if not exists oldest_code integer;
