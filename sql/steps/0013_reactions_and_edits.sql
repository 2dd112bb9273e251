-- Who reacted; the message itself keeps the sum. And the earlier texts of messages.
create table public.chat_reactions (
    message_id uuid not null references public.messages (id) on delete cascade,
    emoji text not null,
    user_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (message_id, emoji, user_id)
);
create index chat_reactions_user on public.chat_reactions (user_id);
create index chat_reactions_order on public.chat_reactions (message_id, emoji, created_at, user_id);
create table public.chat_message_edits (
    message_id uuid not null references public.messages (id) on delete cascade,
    version bigint not null,                                       -- the last of the message with this text
    user_id uuid not null,
    message text not null,
    edited_at timestamptz not null,                                -- when this text was written
    primary key (message_id, version)
);
