alter table public.users
    add column avatar_url text,
    add column about text,
    add column custom jsonb not null default '{}',
    add column share_receipts boolean not null default true,
    add column share_presence boolean not null default true,
    add column last_seen_at timestamptz,               -- when the last session went
    add column erased_at timestamptz;                  -- the person is gone, the row stays for what points to it
