-- member_count is null until the members change: conversations of before count theirs when they are asked.
alter table public.conversations
    add column type text not null default 'group',                 -- or direct
    add column visibility text not null default 'private',         -- or public
    add column history text not null default 'all',                -- or since_joined: what a new member sees
    add column description text,
    add column avatar_url text,
    add column slow_mode_seconds integer not null default 0,
    add column frozen boolean not null default false,
    add column custom jsonb not null default '{}',
    add column member_count integer,
    add column system_count bigint not null default 0,             -- how many of its messages are of type system
    add column oldest_seq bigint not null default 1;               -- the number of the oldest message that is kept
