-- The owner's role is kept by the conversation. joined_at is null for members of before.
alter table public.user_conversation
    add column role text not null default 'member',                -- or admin
    add column joined_at timestamptz,
    add column joined_version bigint not null default 0,           -- of the conversation, when the member was added
    add column history_from bigint not null default 1,             -- messages with lower numbers do not exist for the member
    add column read_system_count bigint not null default 0,        -- the system messages up to last_read_seq
    add column last_sent_at timestamptz,
    add column custom jsonb not null default '{}',
    add column pinned boolean not null default false,
    add column archived_at_count bigint,                           -- archived while there are so many texts, null: not
    add column muted_until timestamptz;
alter table public.user_conversation alter column joined_at set default now();
