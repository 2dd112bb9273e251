-- Who has blocked whom. And whose sockets which process holds: `online` until the last of a person's sockets there has
-- gone, afterwards kept for a while, so that the other processes notice. A process that has not been heard of when its
-- time is over has gone, and all of its sockets with it.
create table public.chat_blocks (
    user_id uuid not null,
    blocked_user_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (user_id, blocked_user_id)
);
create index chat_blocks_blocked on public.chat_blocks (blocked_user_id);
create table public.chat_processes (
    process text primary key,
    alive_until timestamptz not null
);
create table public.chat_presence (
    user_id uuid not null,
    process text not null,
    online boolean not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (user_id, process)
);
create index chat_presence_changed on public.chat_presence (changed_at);
create index chat_presence_gone on public.chat_presence (changed_at) where not online;
create index chat_presence_process on public.chat_presence (process);
-- How often it was marked unread: of two states of a member's pointers the later one has the higher count.
alter table public.user_conversation
    add column marked_unread integer not null default 0;
