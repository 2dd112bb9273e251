-- The one conversation of two people, whose ids are in order. And the links that let people into a conversation.
create table public.chat_direct_conversations (
    first_user_id uuid not null,
    second_user_id uuid not null,
    conversation_id uuid not null unique references public.conversations (id) on delete cascade,
    primary key (first_user_id, second_user_id)
);
create table public.chat_invites (
    code text primary key,
    conversation_id uuid not null references public.conversations (id) on delete cascade,
    user_id uuid not null,                                         -- who made it
    uses_left integer,                                             -- null: no limit
    expires_at timestamptz,
    created_at timestamptz not null default now()
);
create index chat_invites_conversation on public.chat_invites (conversation_id);
