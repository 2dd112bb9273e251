-- What most messages do not have is null, and costs nothing.
alter table public.messages
    add column type text not null default 'text',                  -- or system
    add column system_count bigint not null default 0,             -- the system messages up to this one
    add column edited_at timestamptz,
    add column edited_version bigint,                              -- of the conversation, at the last edit
    add column reply_to uuid,                                      -- a message of the same conversation, or of none by now
    add column thread_id uuid,                                     -- likewise: the root
    add column reply_count integer not null default 0,
    add column last_reply_at timestamptz,
    add column reactions jsonb,                                    -- [{emoji, count, user_ids: [first 20]}]
    add column mentions uuid[],
    add column attachments jsonb,
    add column pinned_at timestamptz,
    add column custom jsonb;
