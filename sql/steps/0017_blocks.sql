create table public.chat_blocks (
    user_id uuid not null,
    blocked_user_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (user_id, blocked_user_id)
);
create index chat_blocks_blocked on public.chat_blocks (blocked_user_id);
