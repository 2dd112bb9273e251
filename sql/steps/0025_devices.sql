-- Where people are reached while they are away, and of what they want to hear then. A token is one device's, and belongs to
-- who registered it last. `notifications` is all, mentions or none; a member's null means as the user says.
create table public.chat_devices (
    token text primary key,
    user_id uuid not null,
    service text not null,                                         -- webpush, expo or fcm
    endpoint text,                                                 -- this and the keys: of Web Push
    p256dh text,
    auth text,
    created_at timestamptz not null default now(),
    registered_at timestamptz not null default clock_timestamp()   -- the last time
);
create index chat_devices_user on public.chat_devices (user_id, registered_at);
create table public.chat_push_preferences (
    user_id uuid primary key,
    notifications text not null
);
alter table public.user_conversation
    add column notifications text;
