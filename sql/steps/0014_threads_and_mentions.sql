-- Who follows a thread, or did, and how far they have read it. And who was mentioned where.
create table public.chat_thread_members (
    thread_id uuid not null references public.messages (id) on delete cascade,
    user_id uuid not null,
    conversation_id uuid not null,
    following boolean,                                             -- null: has read it, and never chose
    last_read_seq bigint not null default 0,
    primary key (thread_id, user_id)
);
create index chat_thread_members_user on public.chat_thread_members (user_id, conversation_id) where following;
create table public.chat_mentions (
    message_id uuid not null references public.messages (id) on delete cascade,
    user_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    created_at timestamptz not null,
    primary key (message_id, user_id)
);
create index chat_mentions_user on public.chat_mentions (user_id, created_at desc, message_id desc);
