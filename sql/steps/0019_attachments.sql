-- Files: the row first, then the file, then `ready`. Sent from the moment at which a message takes it; what is dead is
-- swept with its file.
create table public.chat_attachments (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    message_id uuid references public.messages (id) on delete set null,
    state text not null default 'storing' check (state in ('storing', 'ready', 'dead')),
    name text not null,
    type text not null,
    size bigint not null,
    width integer,                                                 -- null for what is no image
    height integer,
    thumbnail_type text,                                           -- null: there is none
    thumbnail_size bigint,
    created_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz
);
create index chat_attachments_message on public.chat_attachments (message_id);
create index chat_attachments_user on public.chat_attachments (user_id, created_at);
-- Those that a sweep looks at: whoever belongs to a message is in neither.
create index chat_attachments_sweep on public.chat_attachments (created_at) where message_id is null or state <> 'ready';
