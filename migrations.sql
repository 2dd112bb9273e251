-- The chat database: tables, indexes, functions, grants. Made by `make sql` from sql/; do not edit.
--
-- Safe to apply again and again: to an empty database, to one that an earlier release made, and to the one of the
-- tutorial (`users`, `conversations`, `user_conversation`, `messages`), which is upgraded in place. Needs PostgreSQL 15
-- and no extension. The whole file pastes into Supabase's SQL editor.
--
-- Each part is one transaction, and may be applied while servers work on the database. A step changes tables, is applied
-- once, and waits 3 s at most for its lock: where a step gives up, nothing of it was done; apply the file again. The
-- functions follow: replacing them locks no table.


-- >>> prepare
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

-- The release that this database belongs to.
create table if not exists public.chat_schema (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    file_hash text
);
do $$
begin
    if exists (select from public.chat_schema where version > 26) then
        raise exception using errcode = 'PT409', message = 'schema_too_new',
            detail = 'This database belongs to a newer release than this migrations.sql.';
    end if;
end $$;

commit;


-- >>> step 1 tutorial
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 1) then
        return;
    end if;

-- The tutorial's tables, as they are or made now, and what this product adds to them: a fresh database and an upgraded
-- one end up the same. It locks the tutorial's tables: about 3 s for each 100,000 messages.

create table if not exists public.users (
    id uuid primary key,
    username varchar(255) not null,
    created_at timestamptz not null
);
create table if not exists public.conversations (
    id uuid primary key,
    name varchar(255) not null,
    owner_user_id uuid not null,
    created_at timestamptz not null
);
create table if not exists public.user_conversation (
    id uuid primary key,
    user_id uuid,
    conversation_id uuid
);
create table if not exists public.messages (
    id uuid primary key,
    conversation_id uuid,
    user_id uuid,
    message text not null,
    created_at timestamptz not null
);

-- Rows of the tutorial's tables that the rules below cannot keep in place; nothing is deleted without a trace.
create table if not exists public.chat_set_aside (
    id uuid primary key default gen_random_uuid(),
    table_name text not null,
    reason text not null,
    content jsonb not null,
    set_aside_at timestamptz not null default now()
);

-- The tutorial wrote UTC into columns without a zone. Who inserts a row locks its table first and then those that it refers
-- to. Here it is the same order, so that this step and the tutorial's server wait for each other, and never in a circle.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['messages', 'user_conversation', 'conversations', 'users'] loop
        execute format('alter table public.%I alter column id set default gen_random_uuid()', v_table);
        continue when v_table = 'user_conversation';
        if (select data_type from information_schema.columns
            where table_schema = 'public' and table_name = v_table and column_name = 'created_at')
            = 'timestamp without time zone'
        then
            execute format('alter table public.%I alter column created_at type timestamptz '
                           'using created_at at time zone ''UTC''', v_table);
        end if;
        execute format('alter table public.%I alter column created_at set default now()', v_table);
    end loop;
end $$;

alter table public.users
    add column if not exists tokens_valid_from timestamptz;      -- tokens issued earlier are revoked
alter table public.conversations
    add column if not exists version bigint not null default 1,  -- grows by one with every durable change
    add column if not exists last_seq bigint not null default 0, -- the number of the newest message
    add column if not exists last_activity_at timestamptz not null default now();
alter table public.user_conversation
    add column if not exists last_read_seq bigint not null default 0,
    add column if not exists last_delivered_seq bigint not null default 0;
alter table public.messages
    add column if not exists seq bigint,                         -- 1, 2, 3, … in each conversation, without a gap
    add column if not exists version bigint,                     -- of the conversation, when this was last changed
    add column if not exists client_id text,                     -- names the send, so that a retry is done once
    add column if not exists deleted_at timestamptz;             -- the message is gone, its number stays

-- The tutorial's rows. Rows that point nowhere and memberships that stand
-- twice are set aside. Messages get their numbers in the order in which they were written. Members, who had no read
-- state, have read everything; the owner, whom the tutorial did not make a member, is one.
set local client_min_messages = notice;
do $$
declare
    v_count integer;
begin
    with gone as (
        delete from public.messages where conversation_id is null or user_id is null returning *
    )
    insert into public.chat_set_aside (table_name, reason, content)
    select 'messages', 'null foreign key', to_jsonb(gone) from gone;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        raise notice '% message(s) without a conversation or an author are now in chat_set_aside', v_count;
    end if;

    with ranked as (
        select id, row_number() over (partition by conversation_id, user_id order by id) as place
        from public.user_conversation
    ), gone as (
        delete from public.user_conversation as m using ranked
        where ranked.id = m.id and (m.conversation_id is null or m.user_id is null or ranked.place > 1)
        returning m.*
    )
    insert into public.chat_set_aside (table_name, reason, content)
    select 'user_conversation',
           case when conversation_id is null or user_id is null then 'null foreign key' else 'repeated' end,
           to_jsonb(gone)
    from gone;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        raise notice '% membership(s) that point nowhere or stand twice are now in chat_set_aside', v_count;
    end if;

    with numbered as (
        select id, row_number() over (partition by conversation_id order by created_at, id) as seq
        from public.messages
    )
    update public.messages as m set seq = n.seq, version = n.seq + 1 from numbered as n where n.id = m.id;

    update public.conversations set last_activity_at = created_at;
    update public.conversations as c
    set last_seq = m.last_seq, version = m.last_seq + 1, last_activity_at = m.last_at
    from (
        select conversation_id, max(seq) as last_seq, max(created_at) as last_at
        from public.messages group by conversation_id
    ) as m
    where m.conversation_id = c.id;

    insert into public.user_conversation (user_id, conversation_id)
    select c.owner_user_id, c.id from public.conversations as c
    where not exists (
        select from public.user_conversation as m where m.conversation_id = c.id and m.user_id = c.owner_user_id
    );

    update public.user_conversation as m
    set last_read_seq = c.last_seq, last_delivered_seq = c.last_seq
    from public.conversations as c where c.id = m.conversation_id;
end $$;
set local client_min_messages = warning;

alter table public.user_conversation
    alter column user_id set not null,
    alter column conversation_id set not null;
alter table public.messages
    alter column conversation_id set not null,
    alter column user_id set not null,
    alter column seq set not null,
    alter column version set not null;

-- Foreign keys say what happens when a user or a conversation goes: a conversation takes its messages and its members
-- along, a user who has written or owns something cannot be deleted.
do $$
declare
    v_key record;
begin
    for v_key in
        select * from (values
            ('conversations', 'owner_user_id', 'users', 'restrict', 'r'),
            ('user_conversation', 'user_id', 'users', 'cascade', 'c'),
            ('user_conversation', 'conversation_id', 'conversations', 'cascade', 'c'),
            ('messages', 'user_id', 'users', 'restrict', 'r'),
            ('messages', 'conversation_id', 'conversations', 'cascade', 'c')
        ) as keys (from_table, from_column, to_table, action, confdeltype)
    loop
        if not exists (
            select from pg_constraint
            where conrelid = ('public.' || v_key.from_table)::regclass
              and conname = v_key.from_table || '_' || v_key.from_column || '_fkey'
              and confdeltype = v_key.confdeltype::"char"
        ) then
            execute format('alter table public.%1$I drop constraint if exists %2$I, add constraint %2$I '
                           'foreign key (%3$I) references public.%4$I (id) on delete %5$s',
                           v_key.from_table, v_key.from_table || '_' || v_key.from_column || '_fkey',
                           v_key.from_column, v_key.to_table, v_key.action);
        end if;
    end loop;
end $$;


-- Indexes: one for each way in which rows are looked for ------------------------------------------------------------

create unique index if not exists user_conversation_member on public.user_conversation (conversation_id, user_id);
create unique index if not exists messages_seq on public.messages (conversation_id, seq);
create index if not exists messages_version on public.messages (conversation_id, version);
create index if not exists messages_created_at on public.messages (conversation_id, created_at);
create unique index if not exists messages_client_id
    on public.messages (conversation_id, user_id, client_id) where client_id is not null;
create index if not exists messages_user on public.messages (user_id);
create index if not exists user_conversation_user on public.user_conversation (user_id);
create index if not exists conversations_owner on public.conversations (owner_user_id);
create index if not exists users_username on public.users (username, id);
create index if not exists users_revoked on public.users (tokens_valid_from) where tokens_valid_from is not null;

-- Search anywhere in a name is served by trigrams where the extension can be had, by a scan where not.
do $$
begin
    execute 'create extension if not exists pg_trgm schema '
            || case when to_regnamespace('extensions') is null then 'public' else 'extensions' end;  -- Supabase's place
    execute (
        select format('create index if not exists users_search on public.users using gin (username %I.gin_trgm_ops)', n.nspname)
        from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where e.extname = 'pg_trgm'
    );
exception
    when insufficient_privilege or feature_not_supported or undefined_file or undefined_object then
        raise warning 'pg_trgm is not available (%): user search scans the table', sqlerrm;
end $$;

    insert into public.chat_schema (version) values (1)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 2 conversation_changes
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 2) then
        return;
    end if;

-- audience_version grows with every change of the members; changed_in is the transaction of the row's last change.
alter table public.conversations
    add column audience_version bigint not null default 1,
    add column changed_in xid8;
alter table public.conversations alter column changed_in set default pg_current_xact_id();

create function public.chat_stamp_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
    new.changed_in := pg_current_xact_id();
    return new;
end $$;
create trigger chat_stamp_change before update on public.conversations
    for each row execute function public.chat_stamp_change();

    insert into public.chat_schema (version) values (2)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 3 member_changes
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 3) then
        return;
    end if;

-- joined_in is the transaction that added the member, changed_in that of the row's last change.
alter table public.user_conversation
    add column joined_in xid8,
    add column changed_in xid8;
alter table public.user_conversation
    alter column joined_in set default pg_current_xact_id(),
    alter column changed_in set default pg_current_xact_id();
create trigger chat_stamp_change before update on public.user_conversation
    for each row execute function public.chat_stamp_change();

    insert into public.chat_schema (version) values (3)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 4 message_changes
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 4) then
        return;
    end if;

alter table public.messages
    add column changed_in xid8;
alter table public.messages alter column changed_in set default pg_current_xact_id();
create trigger chat_stamp_change before update on public.messages
    for each row execute function public.chat_stamp_change();

    insert into public.chat_schema (version) values (4)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 5 former_members
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 5) then
        return;
    end if;

-- Who was a member: the user's next sync says that the conversation is gone.
create table public.chat_former_members (
    user_id uuid not null references public.users (id) on delete cascade,
    conversation_id uuid not null,
    changed_in xid8 not null default pg_current_xact_id(),
    primary key (user_id, conversation_id)
);

create function public.chat_keep_former_members() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.chat_former_members (user_id, conversation_id)
    select gone.user_id, gone.conversation_id from gone
    where exists (select from public.users as u where u.id = gone.user_id)  -- the user may be deleted with its rows
    on conflict (user_id, conversation_id) do update set changed_in = pg_current_xact_id();
    return null;
end $$;
create trigger chat_keep_former_members after delete on public.user_conversation
    referencing old table as gone for each statement execute function public.chat_keep_former_members();

    insert into public.chat_schema (version) values (5)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 6 jobs
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 6) then
        return;
    end if;

-- Work for later, or for another process: written in the transaction that asks for it, claimed by a runner. And the jobs
-- of single processes that fail (state `failing`), which nobody claims.
create table public.chat_jobs (
    id bigint generated always as identity primary key,
    kind text not null,
    payload jsonb not null default '{}',
    key text,
    state text not null default 'waiting' check (state in ('waiting', 'running', 'failing', 'dead')),
    run_at timestamptz not null default now(),     -- waiting: when it is due; otherwise: since when it is in its state
    attempts integer not null default 0,           -- begun runs, since the job was added, armed again or retried
    claims integer not null default 0,             -- every claim there was: its number proves who holds the job now
    claimed_by text,                               -- the process that runs it
    claimed_until timestamptz,                     -- afterwards that process counts as gone
    idempotent boolean not null default false,     -- these three as the process declared them that claimed it
    max_attempts integer,
    every double precision,                        -- seconds from one run to the next
    last_error text,
    created_at timestamptz not null default now()
);
create unique index chat_jobs_key on public.chat_jobs (key) where state <> 'dead';
create index chat_jobs_due on public.chat_jobs (run_at, id) where state = 'waiting';
create index chat_jobs_claimed on public.chat_jobs (claimed_until) where state = 'running';

    insert into public.chat_schema (version) values (6)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 7 stamps
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 7) then
        return;
    end if;

-- What `migrate` compares with the file: the hash of its functions, and the oldest code that this schema serves.
alter table public.chat_schema
    add column if not exists functions_hash text,
    add column if not exists oldest_code integer;

    insert into public.chat_schema (version) values (7)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 8 profiles
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 8) then
        return;
    end if;

alter table public.users
    add column avatar_url text,
    add column about text,
    add column custom jsonb not null default '{}',
    add column share_receipts boolean not null default true,
    add column share_presence boolean not null default true,
    add column last_seen_at timestamptz,               -- when the last session went
    add column erased_at timestamptz;                  -- the person is gone, the row stays for what points to it

    insert into public.chat_schema (version) values (8)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 9 conversation_settings
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 9) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (9)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 10 member_settings
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 10) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (10)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 11 message_features
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 11) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (11)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> indexes 12 feature_indexes
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 12) then
        return;
    end if;

if exists (select from pg_index where indexrelid = to_regclass('public.messages_thread') and not indisvalid) then
    drop index public.messages_thread;  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.messages_thread') is null then
    create index if not exists messages_thread on public.messages (thread_id, seq) where thread_id is not null;
end if;
if exists (select from pg_index where indexrelid = to_regclass('public.messages_pinned') and not indisvalid) then
    drop index public.messages_pinned;  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.messages_pinned') is null then
    create index if not exists messages_pinned on public.messages (conversation_id, pinned_at desc) where pinned_at is not null;
end if;
if exists (select from pg_index where indexrelid = to_regclass('public.user_conversation_joined') and not indisvalid) then
    drop index public.user_conversation_joined;  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.user_conversation_joined') is null then
    create index if not exists user_conversation_joined on public.user_conversation (conversation_id, joined_at nulls first, user_id);
end if;
if exists (select from pg_index where indexrelid = to_regclass('public.conversations_public') and not indisvalid) then
    drop index public.conversations_public;  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.conversations_public') is null then
    create index if not exists conversations_public on public.conversations (created_at desc, id desc) where visibility = 'public';
end if;

    insert into public.chat_schema (version) values (12)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 13 reactions_and_edits
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 13) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (13)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 14 threads_mentions_search
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 14) then
        return;
    end if;

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

-- A character of a script that is written without spaces: Thai to Khmer, kana, Chinese, Korean (where particles stick).
create function public.chat_unspaced() returns text
language sql immutable parallel safe
as $$ select '[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2E80-\uA4CF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF]' $$;

-- The words of a message, as the index of messages holds them, in lower case and of whatever language; each character of an
-- unspaced script counts as a word. Punctuation parts words: PostgreSQL would take a/b.c for a path and <b> for a tag. What
-- this returns must never change: another function would need another index.
create function public.chat_search_vector(p_text text) returns tsvector
language plpgsql immutable parallel safe cost 1000
as $$
begin
    if p_text !~ '[^a-zA-Z0-9 ,!?.]|[.][^ ]' then  -- most of the time, at a third of the price
        return to_tsvector('pg_catalog.simple', p_text);
    end if;
    return to_tsvector('pg_catalog.simple', regexp_replace(
        translate(p_text, E'<>{}()[]|\\/.,:;!?@#$%^&*+=~_''"`-', repeat(' ', 40)),
        '(' || public.chat_unspaced() || ')', ' \1 ', 'g'
    ));
end $$;

    insert into public.chat_schema (version) values (14)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 15 scheduled
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 15) then
        return;
    end if;

-- Messages to send later: draft as chat_send_message takes it. The job that sends one knows its id and send_at.
create table public.chat_scheduled (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations (id) on delete cascade,
    user_id uuid not null,
    draft jsonb not null,
    send_at timestamptz not null,
    failed text,                                                   -- the code of what forbade it at its time
    created_at timestamptz not null default now()
);
create index chat_scheduled_user on public.chat_scheduled (user_id, send_at, id);
create index chat_scheduled_conversation on public.chat_scheduled (conversation_id);
create unique index chat_scheduled_client_id on public.chat_scheduled (user_id, conversation_id, (draft ->> 'client_id'));

    insert into public.chat_schema (version) values (15)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 16 direct_and_invites
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 16) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (16)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 17 blocks_and_presence
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 17) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (17)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> indexes 18 search_indexes
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 18) then
        return;
    end if;

if exists (select from pg_index where indexrelid = to_regclass('public.messages_search') and not indisvalid) then
    drop index public.messages_search;  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.messages_search') is null then
    create index if not exists messages_search on public.messages using gin (public.chat_search_vector(message)) with (gin_pending_list_limit = 4096) where deleted_at is null and type = 'text';
end if;

    insert into public.chat_schema (version) values (18)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 19 attachments
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 19) then
        return;
    end if;

-- Files: the row first, then the file, then `ready`. Sent from the moment at which a message takes it; what is dead is
-- swept with its file.
create table public.chat_attachments (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    message_id uuid references public.messages (id) on delete set null,
    state text not null default 'storing' check (state in ('storing', 'ready', 'dead')),
    name text not null,
    type text not null,
    size bigint not null,
    width integer,                                                 -- null for what is no image
    height integer,
    thumbnail_type text,                                           -- null: there is none
    thumbnail_size bigint,
    created_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz
);
create index chat_attachments_message on public.chat_attachments (message_id);
create index chat_attachments_user on public.chat_attachments (user_id, created_at);
-- Those that a sweep looks at: whoever belongs to a message is in neither.
create index chat_attachments_sweep on public.chat_attachments (created_at) where message_id is null or state <> 'ready';

    insert into public.chat_schema (version) values (19)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 20 retention
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 20) then
        return;
    end if;

alter table public.conversations add column retention_days integer check (retention_days > 0);  -- null: as long as the server says

    insert into public.chat_schema (version) values (20)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 21 webhooks
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 21) then
        return;
    end if;

-- What is told to others: whether anybody listens, and the changes that the webhook has not heard of yet.
create table public.chat_listeners (
    only_row boolean primary key default true check (only_row),
    webhook boolean not null default false,
    push boolean not null default false
);
insert into public.chat_listeners default values;
create table public.chat_webhook_events (
    id bigint generated always as identity primary key,            -- their order
    event_id uuid not null default gen_random_uuid(),              -- the same at every try
    conversation_id uuid not null,
    type text not null,
    subject jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    dead_at timestamptz,                                           -- given up; people may send it again
    last_error text
);
create index chat_webhook_events_waiting on public.chat_webhook_events (conversation_id, id) where dead_at is null;

-- Note changes for the webhook, in the transaction of the change, and let a job send them: one for each conversation, so
-- that they go out in their order.
create function public.chat_add_webhook_events(p_conversation_id uuid, p_type text, p_subjects jsonb[]) returns void
language plpgsql set search_path = ''
as $$
begin
    if cardinality(p_subjects) = 0 then
        return;
    end if;
    insert into public.chat_webhook_events (conversation_id, type, subject)
    select p_conversation_id, p_type, subject from unnest(p_subjects) as subject;
    perform public.chat_add_job(
        'send_webhooks', jsonb_build_object('conversation_id', p_conversation_id), 'send_webhooks ' || p_conversation_id, null
    );
end $$;

    insert into public.chat_schema (version) values (21)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 22 message_hooks
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 22) then
        return;
    end if;

-- Whoever listens hears of every new and changed message, whichever function writes it.
create function public.chat_hear_new_messages() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_listeners public.chat_listeners;
    v_row record;
begin
    select * into v_listeners from public.chat_listeners;
    if v_listeners.webhook then
        for v_row in
            select conversation_id, array_agg(jsonb_build_object('message_id', id, 'version', version) order by seq) as subjects
            from added group by conversation_id
        loop
            perform public.chat_add_webhook_events(v_row.conversation_id, 'message.created', v_row.subjects);
        end loop;
    end if;
    if v_listeners.push then
        perform public.chat_add_job('push_message', jsonb_build_object('message_id', id), null, null)
        from added where type = 'text' and deleted_at is null;
    end if;
    return null;
end $$;
create trigger chat_hear_new_messages after insert on public.messages
    referencing new table as added for each statement execute function public.chat_hear_new_messages();

create function public.chat_hear_changed_messages() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_row record;
begin
    if not (select webhook from public.chat_listeners) then
        return null;
    end if;
    for v_row in
        select conversation_id, type, array_agg(jsonb_build_object('message_id', id, 'version', version) order by version) as subjects
        from (
            select new.id, new.conversation_id, new.version, case
                when new.deleted_at is distinct from old.deleted_at then 'message.deleted'
                when (new.edited_version, new.pinned_at) is distinct from (old.edited_version, old.pinned_at) then 'message.updated'
                when new.reactions is distinct from old.reactions then 'reaction.updated'
            end as type
            from changed as new join before as old on old.id = new.id
        ) as each
        where type is not null
        group by conversation_id, type
    loop
        perform public.chat_add_webhook_events(v_row.conversation_id, v_row.type, v_row.subjects);
    end loop;
    return null;
end $$;
create trigger chat_hear_changed_messages after update on public.messages
    referencing old table as before new table as changed
    for each statement execute function public.chat_hear_changed_messages();

    insert into public.chat_schema (version) values (22)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 23 member_hooks
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 23) then
        return;
    end if;

create function public.chat_hear_members() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_row record;
begin
    if not (select webhook from public.chat_listeners) then
        return null;
    end if;
    for v_row in
        select conversation_id, array_agg(jsonb_build_object('user_id', user_id) order by user_id) as subjects
        from touched group by conversation_id
    loop
        -- Who goes with the conversation is no news of its own.
        if exists (select from public.conversations where id = v_row.conversation_id) then
            perform public.chat_add_webhook_events(
                v_row.conversation_id, case tg_op when 'INSERT' then 'member.added' else 'member.removed' end, v_row.subjects
            );
        end if;
    end loop;
    return null;
end $$;
create trigger chat_hear_new_members after insert on public.user_conversation
    referencing new table as touched for each statement execute function public.chat_hear_members();
create trigger chat_hear_gone_members after delete on public.user_conversation
    referencing old table as touched for each statement execute function public.chat_hear_members();

    insert into public.chat_schema (version) values (23)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 24 conversation_hooks
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 24) then
        return;
    end if;

create function public.chat_hear_conversations() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' then
        if (old.name, old.description, old.avatar_url, old.visibility, old.history, old.slow_mode_seconds, old.frozen, old.custom,
            old.owner_user_id)
           is not distinct from
           (new.name, new.description, new.avatar_url, new.visibility, new.history, new.slow_mode_seconds, new.frozen, new.custom,
            new.owner_user_id)
        then
            return null;
        end if;
    end if;
    if (select webhook from public.chat_listeners) then
        perform public.chat_add_webhook_events(
            coalesce(new.id, old.id),
            'conversation.' || case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'updated' else 'deleted' end,
            array[jsonb_build_object('version', coalesce(new.version, old.version))]
        );
    end if;
    return null;
end $$;
-- `when`: a send changes the row too, and must not pay for it.
create trigger chat_hear_changed_conversation after update on public.conversations
    for each row when (old.last_seq = new.last_seq) execute function public.chat_hear_conversations();
create trigger chat_hear_conversation after insert or delete on public.conversations
    for each row execute function public.chat_hear_conversations();

    insert into public.chat_schema (version) values (24)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 25 devices
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 25) then
        return;
    end if;

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

    insert into public.chat_schema (version) values (25)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 26 message_statistics
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;

do $step$
begin
    if exists (select from public.chat_schema where version >= 26) then
        return;
    end if;

-- PostgreSQL counts the messages only when there are some. Before that it plans as for a table that grows, which is right:
-- sessions keep what was planned for fifty messages until it counts again, a minute later, and then there may be many.
alter table public.messages set (
    autovacuum_analyze_threshold = 2000, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = 2000
);

    insert into public.chat_schema (version) values (26)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> functions c3118569f8dfd368
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;
set local check_function_bodies = off;  -- they name each other in any order


-- attachments -------------------------------------------------------------------------------------------------------

-- An attachment as clients see it, and as messages keep it.
create or replace function public.chat_attachment_json(p_attachment public.chat_attachments) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_attachment.id, 'name', p_attachment.name, 'type', p_attachment.type, 'size', p_attachment.size,
        'width', p_attachment.width, 'height', p_attachment.height,
        'created_at', public.chat_time(p_attachment.created_at),
        'url', '/attachments/' || p_attachment.id,
        'thumbnail_url', case when p_attachment.thumbnail_type is not null then '/attachments/' || p_attachment.id || '/thumbnail' end
    )
$$;

-- Note a file that is about to be stored, and return its id. p_file: `{name, type, size, width, height,
-- thumbnail_type, thumbnail_size}`.
create or replace function public.chat_add_attachment(p_user_id uuid, p_issued_at double precision, p_file jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id uuid;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    insert into public.chat_attachments (user_id, name, type, size, width, height, thumbnail_type, thumbnail_size)
    values (
        p_user_id, p_file ->> 'name', p_file ->> 'type', (p_file ->> 'size')::bigint, (p_file ->> 'width')::integer,
        (p_file ->> 'height')::integer, p_file ->> 'thumbnail_type', (p_file ->> 'thumbnail_size')::bigint
    )
    returning id into v_id;
    return to_json(v_id);
end $$;

-- The file is stored: from now on it can be read and sent. Returns the attachment.
create or replace function public.chat_finish_attachment(p_user_id uuid, p_issued_at double precision, p_attachment_id uuid) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_attachment public.chat_attachments;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    update public.chat_attachments set state = 'ready'
    where id = p_attachment_id and user_id = p_user_id and state in ('storing', 'ready')
    returning * into v_attachment;
    if not found then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return public.chat_attachment_json(v_attachment);
end $$;

-- An attachment that the caller may read, with `thumbnail_type` and `thumbnail_size`: of a message that the caller sees,
-- or the caller's own and not sent yet.
create or replace function public.chat_get_attachment(p_user_id uuid, p_issued_at double precision, p_attachment_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_attachment public.chat_attachments;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_attachment from public.chat_attachments where id = p_attachment_id and state = 'ready';
    if not found
       or v_attachment.sent_at is null and v_attachment.user_id <> p_user_id
       or v_attachment.sent_at is not null and not exists (
           select from public.messages as m join public.user_conversation as u on u.conversation_id = m.conversation_id
           where m.id = v_attachment.message_id and u.user_id = p_user_id and m.seq >= u.history_from
       )
    then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return public.chat_merge(public.chat_attachment_json(v_attachment), json_build_object(
        'thumbnail_type', v_attachment.thumbnail_type, 'thumbnail_size', v_attachment.thumbnail_size
    ));
end $$;

-- Lock a user's files that are to be sent. Raises 404 attachment_not_found for what is not the user's own, 409 attachment_used
-- for what belongs to a message.
create or replace function public.chat_lock_own_attachments(p_ids uuid[], p_user_id uuid) returns void
language plpgsql set search_path = ''
as $$
declare
    v_found integer;
    v_used boolean;
begin
    if cardinality(p_ids) = 0 then
        return;
    end if;
    -- In one order, so that two messages that name the same files never wait for each other in a circle.
    select count(*), bool_or(sent_at is not null) into v_found, v_used
    from (
        select sent_at from public.chat_attachments
        where id = any (p_ids) and user_id = p_user_id and state = 'ready'
        order by id for no key update
    ) as own;
    if v_found < (select count(distinct id) from unnest(p_ids) as id) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    if v_used then
        raise exception using errcode = 'PT409', message = 'attachment_used';
    end if;
end $$;

-- Give the files that a draft names to its message, in the draft's order, and return the message. Raises what
-- chat_lock_own_attachments raises.
create or replace function public.chat_attach(p_message public.messages, p_draft jsonb) returns public.messages
language plpgsql set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    if coalesce(p_draft -> 'attachments', '[]') = '[]' then
        return p_message;
    end if;
    select array_agg(id::uuid) into v_ids from jsonb_array_elements_text(p_draft -> 'attachments') as id;
    perform public.chat_lock_own_attachments(v_ids, p_message.user_id);
    update public.chat_attachments set message_id = p_message.id, sent_at = p_message.created_at where id = any (v_ids);
    update public.messages
    set attachments = (
        select jsonb_agg(public.chat_attachment_json(a) order by array_position(v_ids, a.id))
        from public.chat_attachments as a where a.id = any (v_ids)
    )
    where id = p_message.id
    returning * into p_message;
    return p_message;
end $$;

-- Take from a message the files that p_keep does not name: nobody can read them from now on, and the next sweep deletes
-- them. Returns the public JSON of those that are kept, in the order of p_keep, null for none. Raises 404
-- attachment_not_found for one that the message does not have.
create or replace function public.chat_release_attachments(p_message_id uuid, p_keep uuid[]) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    v_kept jsonb;
begin
    update public.chat_attachments set state = 'dead'
    where message_id = p_message_id and state <> 'dead' and id <> all (coalesce(p_keep, '{}'));
    if coalesce(cardinality(p_keep), 0) = 0 then
        return null;
    end if;
    select jsonb_agg(public.chat_attachment_json(a) order by array_position(p_keep, a.id)) into v_kept
    from public.chat_attachments as a where message_id = p_message_id and state = 'ready';
    if coalesce(jsonb_array_length(v_kept), 0) < (select count(distinct id) from unnest(p_keep) as id) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return v_kept;
end $$;

-- Claim files for deletion: released ones, those whose message is gone, and those that were not sent, or not even stored,
-- within p_seconds. What a scheduled message names is waited for. Returns up to p_limit ids: from now on nobody can read or
-- send them. They are returned again until chat_delete_attachments says that their files are gone.
create or replace function public.chat_claim_dead_attachments(p_seconds double precision, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_ids json;
begin
    with dead as materialized (  -- planned into the update, it might be run more than once and claim too many
        select id from public.chat_attachments as a
        where (message_id is null or state <> 'ready') and (
            state = 'dead' or sent_at is not null or created_at < now() - make_interval(secs => p_seconds) and not exists (
                select from public.chat_scheduled as s
                where s.user_id = a.user_id and s.draft -> 'attachments' ? a.id::text
            )
        )
        order by created_at limit p_limit
        for no key update skip locked
    ), claimed as (
        update public.chat_attachments as a set state = 'dead' from dead where a.id = dead.id returning a.id
    )
    select coalesce(json_agg(id), '[]') into v_ids from claimed;
    return v_ids;
end $$;

-- Forget claimed attachments whose files are gone. Returns how many.
create or replace function public.chat_delete_attachments(p_ids uuid[]) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_deleted bigint;
begin
    delete from public.chat_attachments where id = any (p_ids) and state = 'dead';
    get diagnostics v_deleted = row_count;
    return to_json(v_deleted);
end $$;

-- Of these ids those that no row has.
create or replace function public.chat_list_unknown_attachments(p_ids uuid[]) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(id), '[]') from unnest(p_ids) as id
        where not exists (select from public.chat_attachments as a where a.id = id.id)
    );
end $$;


-- blocks ------------------------------------------------------------------------------------------------------------

-- The users of whom one of the two has blocked the other.
create or replace function public.chat_blocked_with(p_user_id uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select blocked_user_id from public.chat_blocks where user_id = p_user_id
        union
        select user_id from public.chat_blocks where blocked_user_id = p_user_id
    );
end $$;

-- p_created_at is null for a block that was taken back.
create or replace function public.chat_block_json(p_user public.users, p_created_at timestamptz) returns json
language sql stable
as $$
    select json_build_object('user', public.chat_user_json(p_user), 'created_at', public.chat_time(p_created_at))
$$;

-- Block a user, once. Afterwards no message comes into the direct conversation of the two, not even one that was under way.
create or replace function public.chat_block_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_target public.users;
    v_created_at timestamptz;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_target := public.chat_require_user(p_target_id, null);
    if p_user_id = p_target_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Nobody can block themselves.';
    end if;
    perform public.chat_lock_direct(p_user_id, p_target_id);
    insert into public.chat_blocks (user_id, blocked_user_id) values (p_user_id, p_target_id) on conflict do nothing;
    select created_at into v_created_at from public.chat_blocks where user_id = p_user_id and blocked_user_id = p_target_id;
    return public.chat_block_json(v_target, v_created_at);
end $$;

create or replace function public.chat_unblock_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_target public.users;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_target := public.chat_require_user(p_target_id, null);
    delete from public.chat_blocks where user_id = p_user_id and blocked_user_id = p_target_id;
    return public.chat_block_json(v_target, null);
end $$;

-- Lock the direct conversation of two users, if there is one, as a send does.
create or replace function public.chat_lock_direct(p_user_id uuid, p_other_id uuid) returns void
language plpgsql set search_path = ''
as $$
begin
    perform from public.conversations where id = (
        select conversation_id from public.chat_direct_conversations
        where first_user_id = least(p_user_id, p_other_id) and second_user_id = greatest(p_user_id, p_other_id)
    ) for no key update;
end $$;

-- A page of those whom a user has blocked, the latest first; p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_blocks(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_page json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    with found as (
        select blocked_user_id, created_at, row_number() over (order by created_at desc, blocked_user_id desc) as place
        from public.chat_blocks
        where user_id = p_user_id
          and (p_before_at is null or (created_at, blocked_user_id) < (p_before_at, p_before_id))
        order by created_at desc, blocked_user_id desc limit p_limit + 1
    ), last as (
        select * from found where place = p_limit and exists (select from found where place > p_limit)
    )
    select json_build_object(
        'info', json_build_object('next', (
            select json_build_object('at', public.chat_time(created_at), 'id', blocked_user_id) from last
        )),
        'items', coalesce((
            select json_agg(public.chat_block_json(u, f.created_at) order by f.place)
            from found as f join public.users as u on u.id = f.blocked_user_id where f.place <= p_limit
        ), '[]')
    ) into v_page;
    return v_page;
end $$;

-- What the server must know of some users, `{user_ids}`, to send nothing to who may not hear it: for each id `{share_receipts,
-- blocked_with}`.
create or replace function public.chat_list_privacy(p_of jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_object_agg(u.id, json_build_object(
            'share_receipts', u.share_receipts, 'blocked_with', public.chat_blocked_with(u.id)
        )), '{}')
        from public.users as u
        where u.id = any(array(select value::uuid from jsonb_array_elements_text(p_of -> 'user_ids')))
    );
end $$;


-- conversation_lists ------------------------------------------------------------------------------------------------

-- p_draft: `{name, participant_ids}`. The result is the conversation with its participants, the owner among them, and
-- `not_added`: who was left out because they have blocked the owner. An owner who is not listed hears of it only where
-- the calling socket is named.
create or replace function public.chat_create_conversation(
    p_user_id uuid, p_issued_at double precision, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_listed uuid[] := array(select id::uuid from jsonb_array_elements_text(p_draft -> 'participant_ids') as id);
    v_blocking uuid[];
    v_shared json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_listed := public.chat_require_users(v_listed);
    v_blocking := public.chat_who_blocked(p_user_id, v_listed);
    v_listed := array(select id from unnest(v_listed) as id where id <> all(v_blocking));
    insert into public.conversations (name, owner_user_id, created_at, last_activity_at, member_count)
    select p_draft ->> 'name', p_user_id, now(), now(), count(distinct id) from unnest(v_listed || p_user_id) as id
    returning * into v_conversation;
    insert into public.user_conversation (conversation_id, user_id)
    select v_conversation.id, id from unnest(v_listed || p_user_id) as id group by id;
    v_shared := public.chat_shared_conversation_json(v_conversation);
    return public.chat_change_json(
        true, v_conversation.audience_version, public.chat_with_not_added(v_shared, v_blocking),
        json_build_array(json_build_object(
            'event', 'newConversation', 'payload', v_shared,
            'skips', case when p_user_id = any(v_listed) then 'socket' else 'caller' end
        ))
    );
end $$;

-- A page of the user's conversations: the pinned ones first, then the most recently active. Archived ones are left out
-- unless p_archived. p_before: the cursor `{pinned, at, id}`. It ends after p_limit conversations or after two mebibytes:
-- `next` leads on.
create or replace function public.chat_list_conversations(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_message_limit integer, p_archived boolean, p_before jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_pinned boolean := (p_before ->> 'pinned')::boolean;
    v_at timestamptz := (p_before ->> 'at')::timestamptz;
    v_id uuid := (p_before ->> 'id')::uuid;
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes integer := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select c, m, c.id, c.last_activity_at, m.pinned
        from public.user_conversation as m
        join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id
          and (v_at is null or (m.pinned, c.last_activity_at, c.id) < (v_pinned, v_at, v_id))
          and (p_archived or not public.chat_is_archived(c, m))
        order by m.pinned desc, c.last_activity_at desc, c.id desc
        limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_member_conversation_json(
            v_row.c, v_row.m, public.chat_newest_messages_json(v_row.c, v_row.m, p_message_limit)
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object(
            'pinned', v_row.pinned, 'at', public.chat_time(v_row.last_activity_at), 'id', v_row.id
        );
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- conversation_settings ---------------------------------------------------------------------------------------------

-- One conversation, as the caller sees it.
create or replace function public.chat_get_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
begin
    return (
        select public.chat_own_conversation_json(c, v_member) from public.conversations as c where c.id = p_conversation_id
    );
end $$;

-- p_changes: `{name?, description?, avatar_url?, visibility?, history?, slow_mode_seconds?, frozen?,
-- retention_days?, custom?}`, the last merged. What changes nothing takes no version.
create or replace function public.chat_update_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_changes jsonb, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_old public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_new public.conversations;
    v_shared json;
    v_events json[];
begin
    perform public.chat_require_admin(v_old, public.chat_get_member(p_conversation_id, p_user_id));
    v_new := jsonb_populate_record(v_old, p_changes - 'custom');
    v_new.custom := public.chat_merge_custom(v_old.custom, coalesce(p_changes -> 'custom', '{}'));
    if v_new is not distinct from v_old then
        return public.chat_change_json(false, v_old.audience_version, public.chat_shared_conversation_json(v_old));
    end if;
    update public.conversations
    set name = v_new.name, description = v_new.description, avatar_url = v_new.avatar_url, visibility = v_new.visibility,
        history = v_new.history, slow_mode_seconds = v_new.slow_mode_seconds, frozen = v_new.frozen,
        retention_days = v_new.retention_days, custom = v_new.custom
    where id = p_conversation_id;
    v_new := public.chat_next_version(p_conversation_id, 0, false);
    v_shared := public.chat_shared_conversation_json(v_new);
    v_events := array[json_build_object('event', 'conversationUpdated', 'payload', v_shared)];
    return public.chat_change_json(true, v_new.audience_version, v_shared, array_to_json(
        v_events || public.chat_add_system_message(
            p_system_messages and v_new.name <> v_old.name, p_conversation_id, v_actor,
            public.chat_people_json('renamed', '{}') || jsonb_build_object('name', v_new.name)
        )
    ));
end $$;


-- conversations -----------------------------------------------------------------------------------------------------

-- A function with a query of its own is PL/pgSQL, which keeps the plan: before PostgreSQL 18 one in SQL that cannot be
-- inlined is planned at each call.

create or replace function public.chat_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_conversation.id, 'conversation_id', p_conversation.id, 'name', p_conversation.name,
        'owner_user_id', p_conversation.owner_user_id, 'created_at', public.chat_time(p_conversation.created_at),
        'version', p_conversation.version, 'last_seq', p_conversation.last_seq, 'oldest_seq', p_conversation.oldest_seq,
        'type', p_conversation.type, 'visibility', p_conversation.visibility, 'history', p_conversation.history,
        'description', p_conversation.description, 'avatar_url', p_conversation.avatar_url,
        'slow_mode_seconds', p_conversation.slow_mode_seconds, 'frozen', p_conversation.frozen,
        'retention_days', p_conversation.retention_days,
        'custom', p_conversation.custom,
        'member_count', coalesce(p_conversation.member_count, public.chat_count_members(p_conversation.id))
    )
$$;

create or replace function public.chat_count_members(p_conversation_id uuid) returns integer
language plpgsql stable set search_path = ''
as $$
begin
    return (select count(*) from public.user_conversation where conversation_id = p_conversation_id);
end $$;

-- Who belongs to a conversation, and the version at which that is so: what the server keeps to send events. `history_from`
-- holds the members who do not see everything. JSON null for a conversation that is gone.
create or replace function public.chat_get_audience(p_conversation_id uuid) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce((
        select json_build_object(
            'audience_version', c.audience_version,
            'user_ids', coalesce(json_agg(m.user_id), '[]'),
            'history_from', coalesce(json_object_agg(m.user_id, m.history_from) filter (where m.history_from > 1), '{}')
        )
        from public.conversations as c join public.user_conversation as m on m.conversation_id = c.id
        where c.id = p_conversation_id group by c.id
    ), 'null')
$$;

-- A conversation as everybody sees it who belongs to it: what events carry.
create or replace function public.chat_shared_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_conversation_json(p_conversation),
        json_build_object('participants', public.chat_participants_json(p_conversation))
    )
$$;

-- A conversation as one member sees it.
create or replace function public.chat_own_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_merge(public.chat_conversation_json(p_conversation), public.chat_own_json(p_conversation, p_member)),
        json_build_object(
            'participants', public.chat_participants_json(p_conversation),
            'last_message', public.chat_newest_messages_json(p_conversation, p_member, 1) -> 0
        )
    )
$$;

-- p_messages: the messages to show, a JSON array.
create or replace function public.chat_member_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_messages json
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_own_conversation_json(p_conversation, p_member), json_build_object('messages', p_messages)
    )
$$;

-- Lock a conversation for a change by one of its members, and return it. Changes of a conversation follow one another:
-- versions and numbers without a gap, given in the order of the commits.
create or replace function public.chat_lock_conversation(p_conversation_id uuid, p_user_id uuid) returns public.conversations
language plpgsql set search_path = ''
as $$
declare
    v_conversation public.conversations := public.chat_lock_if_member(p_conversation_id, p_user_id);
begin
    if v_conversation.id is null then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return v_conversation;
end $$;

-- The same, null for who is no member.
create or replace function public.chat_lock_if_member(p_conversation_id uuid, p_user_id uuid) returns public.conversations
language plpgsql set search_path = ''
as $$
declare
    v_conversation public.conversations;
begin
    -- Only a member may take the lock: a stranger must not hold up the others.
    select * into v_conversation from public.conversations as c
    where c.id = p_conversation_id and exists (
        select from public.user_conversation as m where m.conversation_id = c.id and m.user_id = p_user_id
    )
    for no key update;
    -- Asked again with the lock: the member may have been removed while it waited.
    if not found or not exists (
        select from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id
    ) then
        return null;
    end if;
    return v_conversation;
end $$;

-- Give a locked conversation its next version, with p_messages new numbers, and return it. p_members_changed: after its
-- members have changed.
create or replace function public.chat_next_version(
    p_conversation_id uuid, p_messages integer, p_members_changed boolean
) returns public.conversations
language plpgsql set search_path = ''
as $$
declare
    v_conversation public.conversations;
begin
    update public.conversations
    set version = version + 1,
        last_seq = last_seq + p_messages,
        audience_version = audience_version + p_members_changed::integer,
        member_count = case when p_members_changed then public.chat_count_members(id) else member_count end,
        -- strictly later than the message before, whatever the clock does: `last_message_date` can miss nothing
        last_activity_at = case
            when p_messages > 0 then greatest(clock_timestamp(), last_activity_at + interval '1 microsecond')
            else last_activity_at
        end
    where id = p_conversation_id
    returning * into v_conversation;
    return v_conversation;
end $$;


-- custom ------------------------------------------------------------------------------------------------------------

-- Merge a patch into the app's own data (RFC 7396): null removes a key. Raises 422 beyond 4 KiB.
create or replace function public.chat_merge_custom(p_custom jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_merged jsonb := public.chat_merge_patch(p_custom, p_patch);
begin
    -- without the blanks that PostgreSQL writes between keys and values
    if octet_length(regexp_replace(v_merged::text, '("(\\.|[^"\\])*")|\s', '\1', 'g')) > 4096 then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"custom": ["Larger than 4 KiB as JSON."]}';
    end if;
    return v_merged;
end $$;

create or replace function public.chat_merge_patch(p_target jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    if p_target is null or jsonb_typeof(p_target) <> 'object' then
        p_target := '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(key, value), '{}') from (
            select key, value from jsonb_each(p_target) where not p_patch ? key
            union all
            select key, public.chat_merge_patch(p_target -> key, value) from jsonb_each(p_patch) where value <> 'null'
        ) as merged
    );
end $$;


-- deletions ---------------------------------------------------------------------------------------------------------

-- Delete a message, for its author or an admin. A second time nothing happens. The result is what is left of the message,
-- with what the root of its thread has become.
create or replace function public.chat_delete_message(p_user_id uuid, p_issued_at double precision, p_message_id uuid) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_message public.messages;
    v_root_seq bigint;
    v_thread json;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_message := v_found.message;
    if v_message.user_id <> p_user_id or v_message.type <> 'text' then
        perform public.chat_require_admin(v_found.conversation, v_found.member);
    end if;
    if v_message.deleted_at is null then
        v_message := public.chat_make_tombstone(
            v_message, (public.chat_next_version(v_message.conversation_id, 0, false)).version
        );
    end if;
    v_root_seq := public.chat_root_seq(v_message);
    if v_root_seq is not null then
        v_thread := public.chat_thread_json(v_message.thread_id);
    end if;
    return public.chat_change_json(
        (v_found.message).deleted_at is null, (v_found.conversation).audience_version,
        public.chat_merge(
            (
                select public.chat_message_json(v_message, u, v_found.member)
                from public.users as u where u.id = v_message.user_id
            ),
            json_build_object('thread', case when v_root_seq >= (v_found.member).history_from then v_thread end)
        ),
        json_build_array(json_build_object('event', 'messageDeleted', 'payload', json_build_object(
            'id', v_message.id, 'conversation_id', v_message.conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'deleted_at', public.chat_time(v_message.deleted_at), 'thread', v_thread
        )))
    );
end $$;

-- Empty a message of a locked conversation at its next version: the text, its earlier ones, and all that was attached to
-- it. The root of its thread counts it no longer.
create or replace function public.chat_make_tombstone(p_message public.messages, p_version bigint) returns public.messages
language plpgsql set search_path = ''
as $$
begin
    if p_message.edited_at is not null then
        delete from public.chat_message_edits where message_id = p_message.id;
    end if;
    if p_message.reactions is not null then
        delete from public.chat_reactions where message_id = p_message.id;
    end if;
    if p_message.mentions is not null then
        delete from public.chat_mentions where message_id = p_message.id;
    end if;
    if p_message.attachments is not null then
        perform public.chat_release_attachments(p_message.id, null);
    end if;
    update public.messages
    set message = '', deleted_at = clock_timestamp(), version = p_version, edited_at = null, edited_version = null,
        reactions = null, mentions = null, attachments = null, pinned_at = null, custom = null
    where id = p_message.id
    returning * into p_message;
    update public.messages as root
    set version = p_version, reply_count = reply_count - 1,
        last_reply_at = case
            when last_reply_at > p_message.created_at then last_reply_at
            else (
                select created_at from public.messages
                where thread_id = root.id and deleted_at is null order by seq desc limit 1
            )
        end
    where id = p_message.thread_id;
    return p_message;
end $$;


-- departures --------------------------------------------------------------------------------------------------------

-- Remove a member, or leave where it is the caller. The owner is followed by the longest-standing admin, else member; the
-- last one out deletes the conversation. Who went follows no thread of it: who is added again starts anew. The result is
-- the participant as it was, with the version of the removal.
create or replace function public.chat_remove_member(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_member_id uuid, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
    v_member public.user_conversation;
    v_next public.conversations;
    v_events json[];
    v_result json;
begin
    perform public.chat_require_group(v_conversation);
    if p_member_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_acting);
    end if;
    v_member := public.chat_find_participant(p_conversation_id, p_member_id);
    if p_member_id <> p_user_id and public.chat_rank(public.chat_role(v_conversation, v_member))
                                    >= public.chat_rank(public.chat_role(v_conversation, v_acting)) then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner removes admins.';
    end if;
    v_result := public.chat_changed_participant_json(v_conversation, v_member, v_conversation.version + 1);
    v_events := array[json_build_object(
        'event', 'removedFromConversation', 'user_ids', array[p_member_id], 'payload',
        json_build_object('conversation_id', p_conversation_id, 'version', v_conversation.version + 1)
    )];
    delete from public.chat_thread_members
    where user_id = p_member_id and conversation_id = p_conversation_id and following;
    delete from public.user_conversation where conversation_id = p_conversation_id and user_id = p_member_id;
    if not public.chat_hand_over(v_conversation) then
        delete from public.conversations where id = p_conversation_id;
        return public.chat_change_json(true, v_conversation.audience_version, v_result, array_to_json(v_events));
    end if;
    v_next := public.chat_next_version(p_conversation_id, 0, true);
    return public.chat_change_json(true, v_next.audience_version, v_result, array_to_json(
        v_events || json_build_object(
            'event', 'conversationUpdated', 'payload', public.chat_shared_conversation_json(v_next)
        ) || public.chat_add_system_message(
            p_system_messages, p_conversation_id, v_actor, public.chat_people_json(
                case when p_member_id = p_user_id then 'member_left' else 'member_removed' end, array[p_member_id]
            )
        )
    ));
end $$;

-- See to it that the owner of a locked conversation is one of its members: the longest-standing admin, else member, follows
-- one who has left. Returns false when nobody is left.
create or replace function public.chat_hand_over(p_conversation public.conversations) returns boolean
language plpgsql set search_path = ''
as $$
declare
    v_heir uuid;
begin
    select user_id into v_heir from public.user_conversation
    where conversation_id = p_conversation.id
    order by user_id = p_conversation.owner_user_id desc, role = 'admin' desc, joined_at nulls first, user_id
    limit 1;
    if v_heir <> p_conversation.owner_user_id then
        update public.conversations set owner_user_id = v_heir where id = p_conversation.id;
    end if;
    return v_heir is not null;
end $$;

-- Delete a conversation, with everything in it.
create or replace function public.chat_delete_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_gone json;
    v_members uuid[];
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_conversation := public.chat_lock_conversation(p_conversation_id, p_user_id);
    if v_conversation.type = 'direct' or v_conversation.owner_user_id <> p_user_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner may do this.';
    end if;
    v_gone := json_build_object('conversation_id', p_conversation_id, 'version', v_conversation.version + 1);
    v_members := array(select user_id from public.user_conversation where conversation_id = p_conversation_id);
    delete from public.conversations where id = p_conversation_id;
    return public.chat_change_json(true, v_conversation.audience_version, v_gone, json_build_array(json_build_object(
        'event', 'conversationDeleted', 'payload', v_gone, 'user_ids', v_members
    )));
end $$;


-- devices -----------------------------------------------------------------------------------------------------------

-- Where a person is reached. p_device is null for a device that is registered no longer.
create or replace function public.chat_device_json(p_token text, p_device public.chat_devices) returns json
language sql stable
as $$
    select json_build_object(
        'token', p_token, 'service', p_device.service, 'created_at', public.chat_time(p_device.created_at),
        'registered_at', public.chat_time(p_device.registered_at)
    )
$$;

-- Register a device, `{service, endpoint?, p256dh?, auth?}`, for the caller, whoever had it before. A person has 50: of more
-- those go that were registered longest ago.
create or replace function public.chat_put_device(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_token text, p_device jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_device public.chat_devices;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    perform from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- erased while this waited
    insert into public.chat_devices as d (token, user_id, service, endpoint, p256dh, auth)
    values (
        p_token, p_target_id, p_device ->> 'service', p_device ->> 'endpoint', p_device ->> 'p256dh', p_device ->> 'auth'
    )
    on conflict (token) do update
    set user_id = excluded.user_id, service = excluded.service, endpoint = excluded.endpoint, p256dh = excluded.p256dh,
        auth = excluded.auth, registered_at = excluded.registered_at,
        created_at = case when d.user_id = excluded.user_id then d.created_at else excluded.created_at end
    returning * into v_device;
    delete from public.chat_devices where token in (
        select token from public.chat_devices where user_id = p_target_id
        order by registered_at desc, token offset 50
        for update skip locked  -- somebody else is just taking it over
    );
    return public.chat_device_json(p_token, v_device);
end $$;

-- Forget a device of the caller's. Without one nothing changes.
create or replace function public.chat_delete_device(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_token text
) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    delete from public.chat_devices where token = p_token and user_id = p_target_id;
    return public.chat_device_json(p_token, null);
end $$;

-- The caller's devices, the last registered first.
create or replace function public.chat_list_devices(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    return (
        select coalesce(json_agg(public.chat_device_json(d.token, d) order by d.registered_at desc, d.token), '[]')
        from public.chat_devices as d where d.user_id = p_target_id
    );
end $$;

-- Forget devices that their services call dead, `{token: registered_at}`, but for those registered anew since.
create or replace function public.chat_forget_devices(p_devices jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_devices as d where d.token in (
        select k.token from public.chat_devices as k join jsonb_each_text(p_devices) as dead on dead.key = k.token
        where k.registered_at <= dead.value::timestamptz
        for update of k skip locked  -- somebody is just registering it, or deleting it
    );
    return 'null';
end $$;

create or replace function public.chat_notifications(p_user_id uuid) returns text
language sql stable
as $$
    select coalesce((select notifications from public.chat_push_preferences where user_id = p_user_id), 'all')
$$;


-- edits -------------------------------------------------------------------------------------------------------------

-- A message and its conversation, locked for a change by a member. A message that the user may not see is not told from
-- one that does not exist.
create or replace function public.chat_lock_message(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision,
    out conversation public.conversations, out member public.user_conversation, out message public.messages
)
language plpgsql set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    conversation := public.chat_lock_if_member(
        (select conversation_id from public.messages where id = p_message_id), p_user_id
    );
    if conversation.id is null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    member := public.chat_get_member(conversation.id, p_user_id);
    message := public.chat_find_message(p_message_id, member);
end $$;

-- The same to read it, without the lock.
create or replace function public.chat_see_message(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision,
    out member public.user_conversation, out message public.messages
)
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select m.* into member
    from public.messages as t join public.user_conversation as m using (conversation_id)
    where t.id = p_message_id and m.user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    message := public.chat_find_message(p_message_id, member);
end $$;

-- Raises what forbids a member to change an existing message in a locked conversation: 404 message_not_found for a deleted
-- one, 403 frozen or blocked as for a send.
create or replace function public.chat_check_change(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if p_message.deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    if p_conversation.type = 'direct' and public.chat_is_blocked(p_conversation.id, p_member.user_id) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    if p_conversation.frozen and public.chat_role(p_conversation, p_member) = 'member' then
        raise exception using errcode = 'PT403', message = 'frozen';
    end if;
end $$;

create or replace function public.chat_get_message(p_user_id uuid, p_issued_at double precision, p_message_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_seen record;
begin
    select * into v_seen from public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    return (
        select public.chat_message_json(v_seen.message, u, v_seen.member)
        from public.users as u where u.id = (v_seen.message).user_id
    );
end $$;

-- What a change of a message returns: the message as the member sees it and, if it has changed, the event for all.
create or replace function public.chat_message_change_json(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages, p_has_changed boolean
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_author public.users;
begin
    select * into v_author from public.users where id = p_message.user_id;
    return public.chat_change_json(
        p_has_changed, p_conversation.audience_version, public.chat_message_json(p_message, v_author, p_member),
        case when p_has_changed then json_build_array(json_build_object(
            'event', 'messageUpdated', 'payload', public.chat_message_json(p_message, v_author, null),
            'root_seq', public.chat_root_seq(p_message)
        )) end
    );
end $$;

-- The number of the message to whose thread a message belongs; null when it belongs to none.
create or replace function public.chat_root_seq(p_message public.messages) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return case when p_message.thread_id is not null then
        (select seq from public.messages where id = p_message.thread_id)
    end;
end $$;

-- p_change: `{message?, mentions?, attachments?, custom?, version?}`. What is left out stays; attachments that are not
-- listed go, custom is merged. With a version: 409 version_conflict when the text, the mentions or custom were edited
-- after it.
create or replace function public.chat_edit_message(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_change jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_old public.messages;
    v_new public.messages;
    v_version bigint;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_old := v_found.message;
    perform public.chat_check_change(v_found.conversation, v_found.member, v_old);
    if v_old.user_id <> p_user_id or v_old.type <> 'text' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Only its author may edit a message, and nobody a system message.';
    end if;
    if (p_change ->> 'version')::bigint < v_old.edited_version then
        raise exception using errcode = 'PT409', message = 'version_conflict';
    end if;
    v_new := public.chat_edited_message(v_old, p_change);
    if v_new is not distinct from v_old then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_old, false);
    end if;
    v_version := (public.chat_next_version(v_old.conversation_id, 0, false)).version;
    if v_new.message <> v_old.message then
        insert into public.chat_message_edits (message_id, version, user_id, message, edited_at)
        values (v_old.id, v_old.version, v_old.user_id, v_old.message, coalesce(v_old.edited_at, v_old.created_at));
    end if;
    update public.messages
    set message = v_new.message, mentions = v_new.mentions, attachments = v_new.attachments, custom = v_new.custom,
        version = v_version,
        edited_at = case when v_new.message <> v_old.message then clock_timestamp() else edited_at end,
        edited_version = case
            when (v_new.message, v_new.mentions, v_new.custom) is distinct from (v_old.message, v_old.mentions, v_old.custom)
            then v_version else edited_version
        end
    where id = v_old.id
    returning * into v_new;
    if v_new.attachments is distinct from v_old.attachments then
        perform public.chat_release_attachments(
            v_new.id, array(select (kept ->> 'id')::uuid from jsonb_array_elements(v_new.attachments) as kept)
        );
    end if;
    if v_new.mentions is distinct from v_old.mentions then
        delete from public.chat_mentions where message_id = v_new.id;
        perform public.chat_note_mentions(v_new);
    end if;
    return public.chat_tell_sender(
        jsonb_build_object('message', v_new.message, 'mentions', p_change -> 'mentions'),
        public.chat_message_change_json(v_found.conversation, v_found.member, v_new, true)
    );
end $$;

-- A message as an edit leaves it. Raises 404 attachment_not_found for one that is not the message's, 422 when nothing is
-- left of it or custom has grown too large.
create or replace function public.chat_edited_message(p_message public.messages, p_change jsonb) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_old public.messages := p_message;
begin
    p_message.message := coalesce(p_change ->> 'message', v_old.message);
    if p_change ?| array['message', 'mentions'] then
        p_message.mentions := public.chat_mentioned(p_message.conversation_id, jsonb_build_object(
            'message', p_message.message,
            'mentions', coalesce(p_change -> 'mentions', to_jsonb(public.chat_listed_mentions(v_old)))
        ));
    end if;
    if p_change ? 'attachments' then
        p_message.attachments := public.chat_kept_attachments(v_old.attachments, p_change -> 'attachments');
    end if;
    if p_change ? 'custom' then
        p_message.custom := nullif(public.chat_merge_custom(v_old.custom, p_change -> 'custom'), '{}');
    end if;
    if p_message.message = '' and p_message.attachments is null then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"attachments": ["A message without text needs one."]}';
    end if;
    return p_message;
end $$;

-- Whom a message mentions besides those that its text names.
create or replace function public.chat_listed_mentions(p_message public.messages) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select unnest(p_message.mentions)
        except
        select unnest(public.chat_mentioned(p_message.conversation_id, jsonb_build_object('message', p_message.message)))
    );
end $$;

-- Those of a message's attachments that a list of ids names, null for none.
create or replace function public.chat_kept_attachments(p_attachments jsonb, p_ids jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_kept jsonb;
begin
    select jsonb_agg(attachment order by place) into v_kept
    from jsonb_array_elements(p_attachments) with ordinality as each (attachment, place)
    where p_ids ? (attachment ->> 'id');
    if jsonb_array_length(coalesce(v_kept, '[]')) < (select count(distinct id) from jsonb_array_elements_text(p_ids) as listed (id)) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return v_kept;
end $$;

-- The earlier texts of a message after the one of a version, the oldest first; none of a deleted one. A page ends early
-- after two mebibytes: `next` leads on.
create or replace function public.chat_list_message_edits(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_limit integer, p_after_version bigint
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row public.chat_message_edits;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last bigint;
    v_next bigint;
begin
    perform public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    for v_row in
        select * from public.chat_message_edits
        where message_id = p_message_id and version > coalesce(p_after_version, 0)
        order by version limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || json_build_object(
            'version', v_row.version, 'message', v_row.message, 'edited_at', public.chat_time(v_row.edited_at),
            'user_id', v_row.user_id
        );
        v_bytes := v_bytes + octet_length(v_items[cardinality(v_items)]::text);
        v_last := v_row.version;
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- erasure -----------------------------------------------------------------------------------------------------------

-- Erase a person: at once the profile, the tokens and what waits; a job takes what stands in conversations. A second one
-- finds nobody any more. The result is `{id, erased_at, revoked_at}`, the last in Unix seconds.
create or replace function public.chat_erase_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_keep_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_revoked_at timestamptz := greatest(clock_timestamp(), to_timestamp(p_issued_at) + interval '1 microsecond');
    v_user public.users;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    perform from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- somebody else was faster
    update public.users
    set username = 'Deleted user', avatar_url = null, about = null, custom = '{}', last_seen_at = null,
        erased_at = now(), tokens_valid_from = v_revoked_at
    where id = p_target_id
    returning * into v_user;
    delete from public.chat_blocks where p_target_id in (user_id, blocked_user_id);
    delete from public.chat_scheduled where user_id = p_target_id;
    delete from public.chat_invites where user_id = p_target_id;
    delete from public.chat_devices where user_id = p_target_id;
    delete from public.chat_push_preferences where user_id = p_target_id;
    perform public.chat_add_job(
        'erase_user', jsonb_build_object('user_id', p_target_id, 'keep_messages', p_keep_messages),
        'erase_user:' || p_target_id, null
    );
    return json_build_object(
        'profile', public.chat_profile_json(v_user, false), 'erased_at', public.chat_time(v_user.erased_at),
        'revoked_at', extract(epoch from v_revoked_at)
    );
end $$;

-- The conversations in which an erased person still stands: as a member, with reactions, with messages unless these stay.
create or replace function public.chat_list_traces(p_target_id uuid, p_keep_messages boolean) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(conversation_id order by conversation_id), '[]') from (
            select conversation_id from public.user_conversation where user_id = p_target_id
            union
            select m.conversation_id from public.chat_reactions as r
            cross join lateral (select conversation_id from public.messages where id = r.message_id limit 1) as m
            where r.user_id = p_target_id
            union
            select conversation_id from public.messages
            where not p_keep_messages and user_id = p_target_id and deleted_at is null and type = 'text'
        ) as found
    );
end $$;

-- Take a person who was erased out of one conversation: first the membership, so that nothing of theirs can follow; then
-- up to p_limit reactions; then up to p_limit messages after the number p_after_seq. `next` is the number to go on after,
-- null at the end. Done again it changes nothing.
create or replace function public.chat_erase_traces(
    p_target_id uuid, p_conversation_id uuid, p_keep_messages boolean, p_after_seq bigint, p_limit integer
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_events json[];
    v_count integer;
    v_next bigint := p_after_seq;
begin
    select * into v_conversation from public.conversations
    where id = p_conversation_id and exists (select from public.users where id = p_target_id and erased_at is not null)
    for no key update;
    if not found then
        return public.chat_change_json(false, 0, '{"next": null}', '[]');
    end if;
    v_events := public.chat_erase_membership(v_conversation, p_target_id);
    if v_events is null then  -- the conversation went with its last member
        return public.chat_change_json(false, 0, '{"next": null}', '[]');
    end if;
    v_count := cardinality(v_events);
    v_events := v_events || public.chat_erase_reactions(p_conversation_id, p_target_id, p_limit);
    if cardinality(v_events) - v_count < p_limit then
        v_next := null;
        if not p_keep_messages then
            v_count := cardinality(v_events);
            v_events := v_events || public.chat_erase_messages(p_conversation_id, p_target_id, p_after_seq, p_limit);
            if cardinality(v_events) - v_count = p_limit then
                v_next := v_events[cardinality(v_events)] -> 'payload' ->> 'seq';
            end if;
        end if;
    end if;
    select * into v_conversation from public.conversations where id = p_conversation_id;
    return public.chat_change_json(
        cardinality(v_events) > 0, v_conversation.audience_version, json_build_object('next', v_next),
        array_to_json(v_events)
    );
end $$;

-- Returns the events, null when nobody is left and the conversation was deleted.
create or replace function public.chat_erase_membership(
    p_conversation public.conversations, p_target_id uuid
) returns json[]
language plpgsql set search_path = ''
as $$
begin
    delete from public.chat_thread_members where user_id = p_target_id and conversation_id = p_conversation.id and following;
    delete from public.user_conversation where conversation_id = p_conversation.id and user_id = p_target_id;
    if not found then
        return '{}';
    end if;
    if not public.chat_hand_over(p_conversation) then
        delete from public.conversations where id = p_conversation.id;
        return null;
    end if;
    return array[json_build_object(
        'event', 'conversationUpdated', 'payload',
        public.chat_shared_conversation_json(public.chat_next_version(p_conversation.id, 0, true))
    )];
end $$;

create or replace function public.chat_erase_reactions(
    p_conversation_id uuid, p_target_id uuid, p_limit integer
) returns json[]
language plpgsql set search_path = ''
as $$
declare
    v_row record;
    v_message public.messages;
    v_count integer;
    v_events json[] := '{}';
begin
    for v_row in
        select r.message_id, r.emoji
        from public.chat_reactions as r join public.messages as m on m.id = r.message_id
        where r.user_id = p_target_id and m.conversation_id = p_conversation_id
        order by m.seq, r.emoji limit p_limit
    loop
        delete from public.chat_reactions
        where message_id = v_row.message_id and emoji = v_row.emoji and user_id = p_target_id;
        select * into v_message from public.messages where id = v_row.message_id;
        select count(*) into v_count from public.chat_reactions
        where message_id = v_row.message_id and emoji = v_row.emoji;
        update public.messages
        set reactions = nullif(public.chat_summed_reactions(v_message, v_row.emoji, v_count), '[]'),
            version = (public.chat_next_version(p_conversation_id, 0, false)).version
        where id = v_row.message_id
        returning * into v_message;
        v_events := v_events || json_build_object('event', 'reaction', 'payload', json_build_object(
            'message_id', v_message.id, 'conversation_id', p_conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'emoji', v_row.emoji, 'user_id', p_target_id, 'added', false, 'count', v_count
        ));
    end loop;
    return v_events;
end $$;

create or replace function public.chat_erase_messages(
    p_conversation_id uuid, p_target_id uuid, p_after_seq bigint, p_limit integer
) returns json[]
language plpgsql set search_path = '' set enable_bitmapscan = off
as $$
declare
    v_message public.messages;
    v_events json[] := '{}';
begin
    for v_message in
        select * from public.messages
        -- `coalesce`: read in the order of their numbers, whatever the planner thinks of the author
        where conversation_id = p_conversation_id and coalesce(user_id = p_target_id) and seq > p_after_seq
          and deleted_at is null and type = 'text'
        order by seq limit p_limit
    loop
        v_message := public.chat_make_tombstone(
            v_message, (public.chat_next_version(p_conversation_id, 0, false)).version
        );
        v_events := v_events || json_build_object('event', 'messageDeleted', 'payload', json_build_object(
            'id', v_message.id, 'conversation_id', p_conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'deleted_at', public.chat_time(v_message.deleted_at),
            'thread', case when v_message.thread_id is not null then public.chat_thread_json(v_message.thread_id) end
        ));
    end loop;
    return v_events;
end $$;

-- The last of a person: what is of no conversation's log. Up to p_limit rows of each kind; returns whether that was all.
create or replace function public.chat_erase_rest(p_target_id uuid, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_mentions integer;
begin
    delete from public.chat_mentions where ctid in (
        select ctid from public.chat_mentions where user_id = p_target_id limit p_limit
    ) and exists (select from public.users where id = p_target_id and erased_at is not null);
    get diagnostics v_mentions = row_count;
    delete from public.chat_thread_members where user_id = p_target_id
      and exists (select from public.users where id = p_target_id and erased_at is not null);
    delete from public.chat_former_members where user_id = p_target_id
      and exists (select from public.users where id = p_target_id and erased_at is not null);
    delete from public.chat_presence where user_id = p_target_id and not online;
    return to_json(v_mentions < p_limit);
end $$;


-- export ------------------------------------------------------------------------------------------------------------

-- A part of all that is stored of a person, for that person: `{lines, next}`, JSON objects of one line each, and the cursor
-- of what follows: `{kind, …}`, null at the end. A part has about p_limit lines, and ends early after a mebibyte.
create or replace function public.chat_export_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_cursor jsonb, p_limit integer
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_kinds text[] := array[
        'profile', 'membership', 'message', 'reaction', 'thread', 'mention', 'block', 'scheduled', 'invite', 'attachment', 'device'
    ];
    v_kind text := coalesce(p_cursor ->> 'kind', 'profile');
    v_row record;
    v_lines text[] := '{}';
    v_bytes bigint := 0;
    v_next jsonb;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    if v_kind = 'message' then
        for v_row in
            select * from public.chat_export_messages(
                p_target_id, (p_cursor ->> 'conversation_id')::uuid, (p_cursor ->> 'seq')::bigint,
                (p_cursor ->> 'version')::bigint, p_limit
            )
        loop
            v_lines := v_lines || replace(v_row.line::text, E'\n', ' ');
            v_bytes := v_bytes + octet_length(v_row.line::text);
            v_next := jsonb_build_object('kind', v_kind) || v_row.cursor;
            exit when v_bytes > 1024 * 1024;
        end loop;
    else
        for v_row in
            select * from public.chat_export_rows(p_target_id, v_kind, coalesce(p_cursor ->> 'after', ''), p_limit)
        loop
            v_lines := v_lines || replace(v_row.line::text, E'\n', ' ');
            v_bytes := v_bytes + octet_length(v_row.line::text);
            v_next := jsonb_build_object('kind', v_kind, 'after', v_row.key);
            exit when v_bytes > 1024 * 1024;
        end loop;
    end if;
    if v_next is null then
        v_next := jsonb_build_object('kind', v_kinds[array_position(v_kinds, v_kind) + 1]);
    end if;
    return json_build_object(
        'lines', array_to_string(v_lines, E'\n'), 'next', case when v_next ->> 'kind' is not null then v_next end
    );
end $$;

-- What is stored of a person of one kind, in the order of a key. Each is a query by the person's id.
create or replace function public.chat_export_rows(
    p_user_id uuid, p_kind text, p_after text, p_limit integer, out key text, out line json
) returns setof record
language plpgsql stable set search_path = ''
as $$
begin
    return query
        select found.key collate "C", public.chat_merge(json_build_object('kind', p_kind), found.line) from (
            select 'profile' as key, public.chat_profile_json(u, true) as line
            from public.users as u where p_kind = 'profile' and u.id = p_user_id
            union all
            select m.conversation_id::text, json_build_object(
                'conversation_id', c.id, 'type', c.type, 'name', c.name, 'role', public.chat_role(c, m),
                'joined_at', public.chat_time(m.joined_at), 'custom', m.custom, 'last_read_seq', m.last_read_seq,
                'last_delivered_seq', m.last_delivered_seq, 'pinned', m.pinned,
                'archived', public.chat_is_archived(c, m), 'muted_until', public.chat_time(m.muted_until),
                'notifications', m.notifications
            )
            from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
            where p_kind = 'membership' and m.user_id = p_user_id
            union all
            select r.message_id || ' ' || r.emoji, json_build_object(
                'message_id', r.message_id, 'emoji', r.emoji, 'created_at', public.chat_time(r.created_at)
            )
            from public.chat_reactions as r where p_kind = 'reaction' and r.user_id = p_user_id
            union all
            select t.thread_id::text, json_build_object(
                'thread_id', t.thread_id, 'conversation_id', t.conversation_id, 'last_read_seq', t.last_read_seq
            )
            from public.chat_thread_members as t where p_kind = 'thread' and t.user_id = p_user_id and t.following
            union all
            select n.message_id::text, json_build_object(
                'message_id', n.message_id, 'conversation_id', n.conversation_id,
                'created_at', public.chat_time(n.created_at)
            )
            from public.chat_mentions as n where p_kind = 'mention' and n.user_id = p_user_id
            union all
            select b.blocked_user_id::text, json_build_object(
                'user_id', b.blocked_user_id, 'created_at', public.chat_time(b.created_at)
            )
            from public.chat_blocks as b where p_kind = 'block' and b.user_id = p_user_id
            union all
            select s.id::text, json_build_object(
                'id', s.id, 'conversation_id', s.conversation_id, 'send_at', public.chat_time(s.send_at),
                'message', s.draft ->> 'message'
            )
            from public.chat_scheduled as s where p_kind = 'scheduled' and s.user_id = p_user_id
            union all
            select i.code, json_build_object(
                'code', i.code, 'conversation_id', i.conversation_id, 'created_at', public.chat_time(i.created_at)
            )
            from public.chat_invites as i where p_kind = 'invite' and i.user_id = p_user_id
            union all
            select a.id::text, public.chat_merge(
                public.chat_attachment_json(a), json_build_object('message_id', a.message_id)
            )
            from public.chat_attachments as a
            where p_kind = 'attachment' and a.user_id = p_user_id and a.state = 'ready'
            union all
            select d.token, public.chat_merge(public.chat_device_json(d.token, d), json_build_object('endpoint', d.endpoint))
            from public.chat_devices as d where p_kind = 'device' and d.user_id = p_user_id
        ) as found
        where found.key collate "C" > p_after order by 1 limit p_limit;
end $$;

-- A person's own messages after a place, conversation by conversation, each followed by its earlier texts. No bitmaps: they
-- would read, and sort, the whole conversation for each part.
create or replace function public.chat_export_messages(
    p_user_id uuid, p_conversation_id uuid, p_seq bigint, p_version bigint, p_limit integer,
    out cursor jsonb, out line json
) returns setof record
language plpgsql stable set search_path = '' set enable_bitmapscan = off
as $$
declare
    v_conversation_id uuid := p_conversation_id;
    v_following uuid[];
    v_row record;
    v_left integer := p_limit;
begin
    loop
        for v_row in
            select own.message, e.version as edit_version, e.message as edit_text, e.edited_at
            from (
                -- `coalesce`: read in the order of their numbers, whatever the planner thinks of the author
                select m as message from public.messages as m
                where m.conversation_id = v_conversation_id and coalesce(m.user_id = p_user_id, false) and m.type = 'text'
                  and m.seq >= coalesce(p_seq, 0)
                order by m.seq limit v_left + 1
            ) as own
            cross join lateral (
                select 0 as version, null as message, null::timestamptz as edited_at
                union all
                select version, message, edited_at from public.chat_message_edits where message_id = (own.message).id
            ) as e
            where ((own.message).seq, e.version) > (coalesce(p_seq, 0), coalesce(p_version, 0))
            order by (own.message).seq, e.version limit v_left
        loop
            cursor := jsonb_build_object(
                'conversation_id', v_conversation_id, 'seq', (v_row.message).seq, 'version', v_row.edit_version
            );
            line := public.chat_exported_message_json(v_row.message, v_row.edit_version, v_row.edit_text, v_row.edited_at);
            v_left := v_left - 1;
            return next;
        end loop;
        exit when v_left <= 0;
        if v_following is null then
            v_following := array(
                select distinct conversation_id from public.messages
                where user_id = p_user_id and type = 'text'
                  and (v_conversation_id is null or conversation_id > v_conversation_id)
                order by conversation_id
            );
        end if;
        exit when cardinality(v_following) = 0;
        v_conversation_id := v_following[1];
        v_following := v_following[2:];
        p_seq := null;
        p_version := null;
    end loop;
end $$;

create or replace function public.chat_exported_message_json(
    p_message public.messages, p_edit_version bigint, p_edit_text text, p_edited_at timestamptz
) returns json
language sql stable
as $$
    select case
        when p_edit_version > 0 then json_build_object(
            'kind', 'edit', 'message_id', p_message.id, 'version', p_edit_version, 'message', p_edit_text,
            'edited_at', public.chat_time(p_edited_at)
        )
        else json_build_object(
            'kind', 'message', 'id', p_message.id, 'conversation_id', p_message.conversation_id, 'seq', p_message.seq,
            'message', p_message.message, 'created_at', public.chat_time(p_message.created_at),
            'edited_at', public.chat_time(p_message.edited_at), 'deleted_at', public.chat_time(p_message.deleted_at),
            'reply_to', p_message.reply_to, 'thread_id', p_message.thread_id,
            'mentions', coalesce(p_message.mentions, '{}'), 'attachments', coalesce(p_message.attachments, '[]'),
            'custom', coalesce(p_message.custom, '{}')
        )
    end
$$;


-- invites -----------------------------------------------------------------------------------------------------------

create or replace function public.chat_invite_json(p_invite public.chat_invites) returns json
language sql stable
as $$
    select json_build_object(
        'code', p_invite.code, 'conversation_id', p_invite.conversation_id, 'user_id', p_invite.user_id,
        'uses_left', p_invite.uses_left, 'expires_at', public.chat_time(p_invite.expires_at),
        'created_at', public.chat_time(p_invite.created_at)
    )
$$;

-- An invite that can still be used. Raises 404 invite_not_found, also for one that has expired.
create or replace function public.chat_find_invite(p_code text) returns public.chat_invites
language plpgsql stable set search_path = ''
as $$
declare
    v_invite public.chat_invites;
begin
    select * into v_invite from public.chat_invites
    where code = p_code and (expires_at is null or expires_at > clock_timestamp());
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    return v_invite;
end $$;

-- p_code: made by the server, not to be guessed. p_draft: `{expires_in?, uses?}`, seconds and how many may use it.
create or replace function public.chat_create_invite(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_code text, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_conversation public.conversations;
    v_invite public.chat_invites;
begin
    -- The lock that deleting takes too: there is no invite to a conversation that is gone.
    select * into v_conversation from public.conversations where id = p_conversation_id for key share;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_member);
    delete from public.chat_invites where conversation_id = p_conversation_id and expires_at < clock_timestamp();
    insert into public.chat_invites (code, conversation_id, user_id, uses_left, expires_at)
    values (
        p_code, p_conversation_id, p_user_id, (p_draft ->> 'uses')::integer,
        clock_timestamp() + make_interval(secs => (p_draft ->> 'expires_in')::integer)
    )
    returning * into v_invite;
    return public.chat_invite_json(v_invite);
end $$;

-- A page of the invites that can still be used, the newest first; p_before: the cursor `{at, code}`.
create or replace function public.chat_list_invites(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_before jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_conversation public.conversations;
    v_items json;
    v_count integer;
    v_next json;
begin
    select * into v_conversation from public.conversations where id = p_conversation_id;
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_member);
    with found as materialized (
        select i from public.chat_invites as i
        where i.conversation_id = p_conversation_id and (i.expires_at is null or i.expires_at > now())
          and (p_before is null or (i.created_at, i.code) < ((p_before ->> 'at')::timestamptz, p_before ->> 'code'))
        order by i.created_at desc, i.code desc
        limit p_limit + 1
    ), numbered as (
        select i, row_number() over (order by (i).created_at desc, (i).code desc) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_invite_json(i) order by place) filter (where place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((i).created_at), 'code', (i).code))
               filter (where place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- What an invite says to whoever has it: a name and a number; to a member also which conversation it is.
create or replace function public.chat_get_invite(p_user_id uuid, p_issued_at double precision, p_code text) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_invite public.chat_invites;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_invite := public.chat_find_invite(p_code);
    return (
        select json_build_object(
            'code', p_code, 'name', c.name,
            'member_count', coalesce(c.member_count, public.chat_count_members(c.id)),
            'conversation_id', (
                select m.conversation_id from public.user_conversation as m
                where m.conversation_id = c.id and m.user_id = p_user_id
            )
        )
        from public.conversations as c where c.id = v_invite.conversation_id
    );
end $$;

-- Which conversation an invite leads to, for ever. Raises 404 invite_not_found.
create or replace function public.chat_get_invite_conversation(p_code text) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return json_build_object('conversation_id', (public.chat_find_invite(p_code)).conversation_id);
end $$;

-- Enter a conversation by an invite. Of two who take the last use at once one gets in. A member already uses nothing.
create or replace function public.chat_accept_invite(
    p_user_id uuid, p_issued_at double precision, p_code text, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_invite public.chat_invites := public.chat_find_invite(p_code);
    v_conversation public.conversations;
    v_change json;
begin
    select * into v_conversation from public.conversations where id = v_invite.conversation_id for no key update;
    perform from public.chat_invites where code = p_code for update;  -- after the conversation, as deleting it does
    v_invite := public.chat_find_invite(p_code);  -- used up or taken back while this waited?
    v_change := public.chat_enter_conversation(v_conversation, v_user, p_system_messages);
    if (v_change ->> 'announce')::boolean then
        update public.chat_invites set uses_left = uses_left - 1 where code = p_code;
        delete from public.chat_invites where code = p_code and uses_left = 0;
    end if;
    return v_change;
end $$;

-- Take an invite back: whoever made it, and the admins. Raises 404 invite_not_found, also for who is no member.
create or replace function public.chat_delete_invite(p_user_id uuid, p_issued_at double precision, p_code text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_member public.user_conversation;
    v_invite public.chat_invites;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_invite := public.chat_find_invite(p_code);
    select * into v_conversation from public.conversations where id = v_invite.conversation_id;
    select * into v_member from public.user_conversation
    where conversation_id = v_invite.conversation_id and user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    if v_invite.user_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_member);
    end if;
    delete from public.chat_invites where code = p_code returning * into v_invite;
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    return public.chat_invite_json(v_invite);
end $$;


-- jobs --------------------------------------------------------------------------------------------------------------

-- A job: waiting, then running under a lease, then gone; or waiting again after an error, or dead with the last one. The
-- clock of the database decides. Every claim has a number, and what the holder of an earlier one says changes nothing.

create or replace function public.chat_job_json(p_job public.chat_jobs) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_job.id, 'kind', p_job.kind, 'payload', p_job.payload, 'key', p_job.key, 'state', p_job.state,
        'run_at', public.chat_time(p_job.run_at), 'attempts', p_job.attempts, 'max_attempts', p_job.max_attempts,
        'claim', p_job.claims, 'claimed_by', p_job.claimed_by, 'claimed_until', public.chat_time(p_job.claimed_until),
        'last_error', p_job.last_error, 'created_at', public.chat_time(p_job.created_at)
    )
$$;

-- Add a job and return its id. Null when a job with this key is waiting or running: that one is left as it is. Without
-- p_run_at it is due at once. For other functions too, in the transaction of the change that asks for the work.
create or replace function public.chat_add_job(p_kind text, p_payload jsonb, p_key text, p_run_at timestamptz) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id bigint;
begin
    insert into public.chat_jobs (kind, payload, key, run_at)
    values (p_kind, p_payload, p_key, coalesce(p_run_at, now()))
    on conflict (key) where state <> 'dead' do nothing
    returning id into v_id;
    return coalesce(to_json(v_id), 'null');
end $$;

-- Claim up to p_limit jobs that are due, for p_lease seconds. p_kinds: `{kind: {idempotent, attempts, every}}`, the kinds
-- that this process knows; others wait for a process that does. p_running: the jobs that it runs. `next_in`: seconds until
-- the next one is due.
create or replace function public.chat_claim_jobs(
    p_kinds jsonb, p_process text, p_running bigint[], p_lease double precision, p_limit integer
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_jobs json;
begin
    -- Claimed for this process by a call whose answer was lost: nothing has begun to run.
    update public.chat_jobs
    set state = 'waiting', attempts = attempts - 1, claimed_by = null, claimed_until = null
    where state = 'running' and claimed_by = p_process and id <> all (p_running);
    with due as materialized (  -- planned into the update, it might be run more than once and claim too many
        select id from public.chat_jobs
        where state = 'waiting' and run_at <= now() and p_kinds ? kind
        order by run_at, id limit p_limit
        for update skip locked
    ), claimed as (
        update public.chat_jobs as j
        set state = 'running', run_at = now(), attempts = j.attempts + 1, claims = j.claims + 1,
            claimed_by = p_process, claimed_until = now() + make_interval(secs => p_lease),
            idempotent = (p_kinds -> j.kind ->> 'idempotent')::boolean,
            max_attempts = (p_kinds -> j.kind ->> 'attempts')::integer,
            every = (p_kinds -> j.kind ->> 'every')::double precision
        from due where j.id = due.id
        returning j
    )
    select coalesce(json_agg(public.chat_job_json(j) order by (j).id), '[]') into v_jobs from claimed;
    return json_build_object('jobs', v_jobs, 'next_in', (
        select extract(epoch from min(run_at) - now()) from public.chat_jobs where state = 'waiting' and p_kinds ? kind
    ));
end $$;

-- Hold jobs for p_lease seconds more. p_claims: `{id: claim}`. Returns the ids of those that are still held.
create or replace function public.chat_renew_jobs(p_claims jsonb, p_lease double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_held json;
begin
    with held as (
        update public.chat_jobs as j set claimed_until = now() + make_interval(secs => p_lease)
        from jsonb_each_text(p_claims) as c
        where j.id = c.key::bigint and j.claims = c.value::integer and j.state = 'running'
        returning j.id
    )
    select coalesce(json_agg(id), '[]') into v_held from held;
    return v_held;
end $$;

-- The end of a run that succeeded. Returns whether the job was still held.
create or replace function public.chat_finish_job(p_id bigint, p_claim integer) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_jobs where id = p_id and claims = p_claim and state = 'running' and every is null;
    if not found then
        update public.chat_jobs
        set state = 'waiting', run_at = now() + make_interval(secs => every), attempts = 0, last_error = null,
            claimed_by = null, claimed_until = null
        where id = p_id and claims = p_claim and state = 'running';
    end if;
    return to_json(found);
end $$;

-- What becomes of a job whose run did not end well: it waits p_delay seconds and runs again; otherwise one that recurs waits
-- for its next time, and any other is dead. Returns its new state.
create or replace function public.chat_put_back_job(
    p_job public.chat_jobs, p_again boolean, p_delay double precision, p_error text
) returns text
language sql
as $$
    update public.chat_jobs
    set state = case when p_again or every is not null then 'waiting' else 'dead' end,
        run_at = now() + make_interval(secs => case when p_again then p_delay else coalesce(every, 0) end),
        attempts = case when p_again or every is null then p_job.attempts else 0 end,
        last_error = p_error, claimed_by = null, claimed_until = null
    where id = p_job.id
    returning state
$$;

-- The end of a run that failed. The next try comes after 2, 4, 8, … seconds, an hour at most, each a quarter more or less, so
-- that jobs which failed together do not come back together. Returns the new state, null when the job was not held.
create or replace function public.chat_fail_job(p_id bigint, p_claim integer, p_error text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    select * into v_job from public.chat_jobs where id = p_id and claims = p_claim and state = 'running' for update;
    if not found then
        return 'null';
    end if;
    return to_json(public.chat_put_back_job(
        v_job, v_job.attempts < v_job.max_attempts,
        least(2 ^ least(v_job.attempts, 12), 3600) * (0.75 + random() / 2), p_error
    ));
end $$;

-- Take back the jobs whose lease ran out. Nobody knows how far they came: those that are not idempotent do not run again.
-- Returns the jobs.
create or replace function public.chat_recover_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
    v_jobs json[] := '{}';
begin
    for v_job in
        select * from public.chat_jobs where state = 'running' and claimed_until < now() order by id for update skip locked
    loop
        perform public.chat_put_back_job(v_job, v_job.idempotent and v_job.attempts < v_job.max_attempts, 0, format(
            'The process %s ended or lost the database while it ran this job: it may be done, in part or as a whole.',
            v_job.claimed_by
        ));
        select * into v_job from public.chat_jobs where id = v_job.id;
        v_jobs := v_jobs || public.chat_job_json(v_job);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- The end of a process: what it still runs is broken off, and its own jobs fail no longer. Returns the broken off jobs.
create or replace function public.chat_release_jobs(p_process text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
    v_jobs json[] := '{}';
begin
    delete from public.chat_jobs where state = 'failing' and claimed_by = p_process;
    for v_job in
        select * from public.chat_jobs where state = 'running' and claimed_by = p_process order by id for update
    loop
        if v_job.idempotent then
            v_job.attempts := v_job.attempts - 1;  -- being stopped is no fault of the job
        else
            v_job.last_error := format(
                'The process %s was stopped while it ran this job: it may be done, in part or as a whole.', p_process
            );
        end if;
        perform public.chat_put_back_job(v_job, v_job.idempotent, 0, v_job.last_error);
        select * into v_job from public.chat_jobs where id = v_job.id;
        v_jobs := v_jobs || public.chat_job_json(v_job);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- Say that a job of a process fails, or with a null p_error that it no longer does. After p_seconds without a further word
-- the process counts as gone.
create or replace function public.chat_report_process_job(
    p_kind text, p_process text, p_error text, p_seconds double precision
) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    if p_error is null then
        delete from public.chat_jobs where key = p_kind || '@' || p_process and state = 'failing';
    else
        insert into public.chat_jobs (kind, key, state, attempts, claimed_by, claimed_until, last_error)
        values (p_kind, p_kind || '@' || p_process, 'failing', 1, p_process, now() + make_interval(secs => p_seconds), p_error)
        on conflict (key) where state <> 'dead' do update
        set attempts = chat_jobs.attempts + 1, claimed_until = excluded.claimed_until, last_error = excluded.last_error;
    end if;
    return 'true';
end $$;

-- For people: `{waiting, jobs}`, how many wait, and up to p_limit jobs: all but those that wait without an error and are not
-- overdue. What fails in a process that has gone is left out.
create or replace function public.chat_list_jobs(p_limit integer) returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object(
        'waiting', (select count(*) from public.chat_jobs where state = 'waiting'),
        'jobs', (
            select coalesce(json_agg(public.chat_job_json(j)), '[]')
            from (
                select * from public.chat_jobs
                where state in ('running', 'dead')
                   or state = 'failing' and claimed_until > now()
                   or state = 'waiting' and (last_error is not null or run_at < now() - interval '1 minute')
                order by array_position(array['dead', 'failing', 'waiting', 'running'], state), run_at desc, id
                limit p_limit
            ) as j
        )
    )
$$;

-- Let a job that is dead, or waits, run now, with all its attempts before it. Returns the job as it is afterwards: still dead
-- when another one with its key is there; null when there is no such job.
create or replace function public.chat_retry_job(p_id bigint) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    begin
        update public.chat_jobs set state = 'waiting', run_at = now(), attempts = 0
        where id = p_id and state in ('dead', 'waiting');
    exception when unique_violation then
        null;
    end;
    select * into v_job from public.chat_jobs where id = p_id;
    return case when found then public.chat_job_json(v_job) else 'null' end;
end $$;

-- The same for every dead job. Returns the jobs as they are afterwards.
create or replace function public.chat_retry_dead_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id bigint;
    v_jobs json[] := '{}';
begin
    for v_id in select id from public.chat_jobs where state = 'dead' order by id loop
        v_jobs := v_jobs || public.chat_retry_job(v_id);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- Delete a job, unless it runs. Returns it as it was, null when there is no such job.
create or replace function public.chat_drop_job(p_id bigint) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    select * into v_job from public.chat_jobs where id = p_id for update;
    if not found then
        return 'null';
    end if;
    delete from public.chat_jobs where id = p_id and state <> 'running';
    return public.chat_job_json(v_job);
end $$;

-- Delete the jobs that died more than p_seconds ago, and what failed in processes that have gone. Returns how many.
create or replace function public.chat_delete_old_jobs(p_seconds double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_deleted bigint;
begin
    delete from public.chat_jobs
    where state = 'dead' and run_at < now() - make_interval(secs => p_seconds) or state = 'failing' and claimed_until < now();
    get diagnostics v_deleted = row_count;
    return to_json(v_deleted);
end $$;


-- members -----------------------------------------------------------------------------------------------------------

-- Nobody owns a direct conversation: its `owner_user_id` is who made it.
create or replace function public.chat_role(p_conversation public.conversations, p_member public.user_conversation) returns text
language sql immutable
as $$
    select case
        when p_conversation.type = 'direct' then 'member'
        when p_conversation.owner_user_id = p_member.user_id then 'owner'
        else p_member.role
    end
$$;

create or replace function public.chat_rank(p_role text) returns integer
language sql immutable
as $$ select array_position(array['member', 'admin', 'owner'], p_role) $$;

-- The 100 members who are in the conversation longest, by name.
create or replace function public.chat_participants_json(p_conversation public.conversations) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(
            public.chat_participant_json(p_conversation, first.m, u) order by u.username, u.id
        ), '[]')
        from (
            select m from public.user_conversation as m where m.conversation_id = p_conversation.id
            order by m.joined_at nulls first, m.user_id limit 100
        ) as first
        -- `limit 1`: each user is looked up by its id, however many rows the planner expects
        cross join lateral (select * from public.users where id = (first.m).user_id limit 1) as u
    );
end $$;

create or replace function public.chat_participant_json(
    p_conversation public.conversations, p_member public.user_conversation, p_user public.users
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_user_json(p_user),
        json_build_object(
            'role', public.chat_role(p_conversation, p_member),
            'joined_at', public.chat_time(coalesce(p_member.joined_at, p_conversation.created_at)),
            'custom', p_member.custom
        )
    )
$$;

-- How many messages of type text come after a member's pointer.
create or replace function public.chat_unread_count(
    p_conversation public.conversations, p_member public.user_conversation
) returns bigint
language sql immutable
as $$
    select p_conversation.last_seq - p_conversation.system_count - p_member.last_read_seq + p_member.read_system_count
$$;

-- What is a member's own in a conversation: pointers and settings. Archived is what has no new text since it was, or is
-- muted.
create or replace function public.chat_own_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', public.chat_unread_count(p_conversation, p_member),
        'last_read_seq', p_member.last_read_seq, 'last_delivered_seq', p_member.last_delivered_seq,
        'pinned', p_member.pinned, 'archived', public.chat_is_archived(p_conversation, p_member),
        'muted_until', public.chat_time(p_member.muted_until), 'notifications', p_member.notifications
    )
$$;

create or replace function public.chat_is_archived(
    p_conversation public.conversations, p_member public.user_conversation
) returns boolean
language sql stable
as $$
    select p_member.archived_at_count is not null and (
        p_member.archived_at_count = p_conversation.last_seq - p_conversation.system_count
        or coalesce(p_member.muted_until > now(), false)
    )
$$;

-- The acting user as a member. A conversation that the user does not belong to is not told from one that does not exist.
create or replace function public.chat_acting_member(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    return public.chat_get_member(p_conversation_id, p_user_id);
end $$;

create or replace function public.chat_get_member(p_conversation_id uuid, p_user_id uuid) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    select * into v_member from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return v_member;
end $$;

-- Raises 403 not_allowed for a member who is neither the owner nor an admin.
create or replace function public.chat_require_admin(
    p_conversation public.conversations, p_member public.user_conversation
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if public.chat_role(p_conversation, p_member) = 'member' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Only the owner and the admins of the conversation may do this.';
    end if;
end $$;


-- memberships -------------------------------------------------------------------------------------------------------

-- How people come into a conversation and go: each change is one version, its system message the next.

-- The first message that exists for who comes now, unless something else is said.
create or replace function public.chat_history_start(p_conversation public.conversations) returns bigint
language sql immutable
as $$ select case p_conversation.history when 'all' then 1 else p_conversation.last_seq + 1 end $$;

-- Make people members of a locked conversation, with everything read, and return it at its next version. Raises 404
-- user_not_found for one who was erased, perhaps while this waited for the conversation.
create or replace function public.chat_insert_members(
    p_conversation public.conversations, p_user_ids uuid[], p_role text, p_history_from bigint
) returns public.conversations
language plpgsql set search_path = ''
as $$
begin
    perform from public.users where id = any (p_user_ids) order by id for share;  -- nobody is erased from now on
    perform public.chat_require_users(p_user_ids);
    insert into public.user_conversation (
        conversation_id, user_id, role, joined_at, joined_version, history_from, last_read_seq, last_delivered_seq,
        read_system_count
    )
    select p_conversation.id, id, p_role, clock_timestamp(), p_conversation.version + 1, p_history_from,
           p_conversation.last_seq, p_conversation.last_seq, p_conversation.system_count
    from unnest(p_user_ids) as id;
    return public.chat_next_version(p_conversation.id, 0, true);
end $$;

-- What is told of people who have come: they hear newConversation, the others conversationUpdated. p_conversation: as it
-- is with them.
create or replace function public.chat_entered_json(
    p_conversation public.conversations, p_actor public.users, p_event text, p_user_ids uuid[],
    p_system_messages boolean, p_not_added uuid[]
) returns json
language plpgsql set search_path = ''
as $$
declare
    v_shared json := public.chat_shared_conversation_json(p_conversation);
begin
    return public.chat_change_json(
        true, p_conversation.audience_version, public.chat_with_not_added(v_shared, p_not_added),
        array_to_json(array[
            json_build_object('event', 'newConversation', 'payload', v_shared, 'user_ids', p_user_ids),
            json_build_object('event', 'conversationUpdated', 'payload', v_shared, 'except_user_ids', p_user_ids)
        ] || public.chat_add_system_message(
            p_system_messages, p_conversation.id, p_actor, public.chat_people_json(p_event, p_user_ids)
        ))
    );
end $$;

-- Let somebody into a locked conversation who comes of their own accord. A member already: nothing changes.
create or replace function public.chat_enter_conversation(
    p_conversation public.conversations, p_user public.users, p_system_messages boolean
) returns json
language plpgsql set search_path = ''
as $$
begin
    if exists (
        select from public.user_conversation where conversation_id = p_conversation.id and user_id = p_user.id
    ) then
        return public.chat_change_json(
            false, p_conversation.audience_version, public.chat_shared_conversation_json(p_conversation)
        );
    end if;
    return public.chat_entered_json(
        public.chat_insert_members(p_conversation, array[p_user.id], 'member', public.chat_history_start(p_conversation)),
        p_user, 'member_joined', array[p_user.id], p_system_messages, '{}'::uuid[]
    );
end $$;

-- Those of p_user_ids who exist, each once. Raises 404 user_not_found when one does not.
create or replace function public.chat_require_users(p_user_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
    v_unknown uuid;
begin
    select id into v_unknown from unnest(p_user_ids) as id
    where not exists (select from public.users as u where u.id = id.id and u.erased_at is null) limit 1;
    if found then
        raise exception using errcode = 'PT404', message = 'user_not_found', detail = 'There is no user ' || v_unknown || '.';
    end if;
    return array(select distinct id from unnest(p_user_ids) as id order by id);
end $$;

-- Those of p_user_ids who have blocked p_user_id, and so are not added by that user.
create or replace function public.chat_who_blocked(p_user_id uuid, p_user_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select user_id from public.chat_blocks where blocked_user_id = p_user_id and user_id = any(p_user_ids) order by user_id
    );
end $$;

-- A conversation as the answer to who adds people has it: where somebody was left out, `not_added` says whom.
create or replace function public.chat_with_not_added(p_shared json, p_user_ids uuid[]) returns json
language sql immutable
as $$
    select case
        when p_user_ids = '{}' then p_shared
        else public.chat_merge(p_shared, json_build_object('not_added', p_user_ids))
    end
$$;

create or replace function public.chat_require_group(p_conversation public.conversations) returns void
language plpgsql immutable set search_path = ''
as $$
begin
    if p_conversation.type = 'direct' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'A direct conversation is of two people, for ever; archive it instead.';
    end if;
end $$;

-- p_draft: `{participant_ids, role?, history_from?}`, the last `all`, `now` or a number. Nobody gives more history than
-- they see.
create or replace function public.chat_add_members(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
    v_role text := coalesce(p_draft ->> 'role', 'member');
    v_from text := p_draft ->> 'history_from';
    v_history_from bigint := public.chat_history_start(v_conversation);
    v_listed uuid[];
    v_blocking uuid[];
    v_new uuid[];
begin
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_acting);
    if v_role <> 'member' and public.chat_role(v_conversation, v_acting) <> 'owner' then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner gives roles.';
    end if;
    v_listed := public.chat_require_users(
        array(select id::uuid from jsonb_array_elements_text(p_draft -> 'participant_ids') as id)
    );
    v_new := array(
        select listed.id from unnest(v_listed) as listed (id) where not exists (
            select from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.user_id = listed.id
        )
    );
    v_blocking := public.chat_who_blocked(p_user_id, v_new);
    v_new := array(select id from unnest(v_new) as id where id <> all(v_blocking));
    if v_new = '{}' then
        return public.chat_change_json(false, v_conversation.audience_version, public.chat_with_not_added(
            public.chat_shared_conversation_json(v_conversation), v_blocking
        ));
    end if;
    if v_from is not null then
        v_history_from := case v_from
            when 'all' then 1 when 'now' then v_conversation.last_seq + 1
            else least(v_from::bigint, v_conversation.last_seq + 1)
        end;
        v_history_from := greatest(v_history_from, v_acting.history_from);
    end if;
    return public.chat_entered_json(
        public.chat_insert_members(v_conversation, v_new, v_role, v_history_from), v_actor, 'member_added', v_new,
        p_system_messages, v_blocking
    );
end $$;

-- Enter a public conversation. Raises 404 conversation_not_found for any other.
create or replace function public.chat_join_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations;
begin
    select * into v_conversation from public.conversations as c
    where c.id = p_conversation_id and (c.visibility = 'public' or exists (
        select from public.user_conversation as m where m.conversation_id = c.id and m.user_id = p_user_id
    ))
    for no key update;
    -- Asked again with the lock: a member may have been removed while this waited.
    if not found or v_conversation.visibility <> 'public' and not exists (
        select from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id
    ) then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return public.chat_enter_conversation(v_conversation, v_user, p_system_messages);
end $$;


-- mentions ----------------------------------------------------------------------------------------------------------

-- Whom a draft mentions: those it lists, and those its text names as `@[user_id]`. Null for nobody.
create or replace function public.chat_named(p_draft jsonb) returns uuid[]
language plpgsql immutable set search_path = ''
as $$
begin
    if coalesce(nullif(p_draft -> 'mentions', 'null'), '[]') = '[]' and coalesce(strpos(p_draft ->> 'message', '@['), 0) = 0 then
        return null;
    end if;
    return (
        select array_agg(id order by id) from (
            select id::uuid from jsonb_array_elements_text(nullif(p_draft -> 'mentions', 'null')) as listed (id)
            union
            select named[1]::uuid from regexp_matches(
                p_draft ->> 'message', '@\[([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\]', 'g'
            ) as named
        ) as named (id)
    );
end $$;

-- Those of them who are members of the conversation. Null for nobody.
create or replace function public.chat_mentioned(p_conversation_id uuid, p_draft jsonb) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
    v_named uuid[] := public.chat_named(p_draft);
begin
    if v_named is null then
        return null;
    end if;
    return (
        select array_agg(m.user_id order by m.user_id) from public.user_conversation as m
        where m.conversation_id = p_conversation_id and m.user_id = any (v_named)
    );
end $$;

-- Remember whom a message mentions, in place of whom it mentioned before an edit. Nobody is told of a mention by someone
-- who blocked them, or whom they blocked. Who is mentioned in a thread follows it, unless they chose not to.
create or replace function public.chat_note_mentions(p_message public.messages) returns void
language plpgsql set search_path = ''
as $$
declare
    v_told uuid[];
begin
    delete from public.chat_mentions
    where message_id = p_message.id and user_id <> all (coalesce(p_message.mentions, '{}'));
    if p_message.mentions is null then
        return;
    end if;
    v_told := array(
        select id from unnest(p_message.mentions) as id
        where id <> p_message.user_id and not exists (
            select from public.chat_blocks as b
            where (b.user_id, b.blocked_user_id) in ((id, p_message.user_id), (p_message.user_id, id))
        )
        order by id
    );
    insert into public.chat_mentions (message_id, user_id, conversation_id, seq, created_at)
    select p_message.id, id, p_message.conversation_id, p_message.seq, p_message.created_at from unnest(v_told) as id
    on conflict (message_id, user_id) do nothing;
    if p_message.thread_id is not null then
        perform public.chat_draw_into_thread(p_message.thread_id, p_message.conversation_id, v_told, p_message.seq - 1);
    end if;
end $$;

-- A page of the messages that mention the user, newest first; p_before_at and p_before_id are the cursor. Only of
-- conversations the user is in, without deleted ones and those of before the user's time.
create or replace function public.chat_list_mentions(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select m.message, a.author, u.member, n.created_at, n.message_id
        from public.chat_mentions as n
        cross join lateral (
            select u as member from public.user_conversation as u
            where u.conversation_id = n.conversation_id and u.user_id = p_user_id and n.seq >= u.history_from limit 1
        ) as u
        cross join lateral (
            select m as message, m.user_id from public.messages as m where m.id = n.message_id and m.deleted_at is null limit 1
        ) as m
        cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
        where n.user_id = p_user_id and (n.created_at, n.message_id) < (
            coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        )
        order by n.created_at desc, n.message_id desc
        limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_message_json(v_row.message, v_row.author, v_row.member);
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.message_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- message_search ----------------------------------------------------------------------------------------------------

-- Full text over messages, newest first, in bounded time. A frequent word is found soon by walking the newest messages, a
-- rare one by the index of words. Where neither comes to an end, the page does: `next` goes on from there.

-- The conversations in which a user searches: their ids, the first number that exists for the user, their last activity;
-- the latest first. With p_conversation_id that one alone.
create or replace function public.chat_search_places(
    p_user_id uuid, p_conversation_id uuid, out ids uuid[], out first_seqs bigint[], out active_at timestamptz[]
)
language plpgsql stable set search_path = ''
as $$
begin
    select array_agg(c.id order by c.last_activity_at desc), array_agg(m.history_from order by c.last_activity_at desc),
           array_agg(c.last_activity_at order by c.last_activity_at desc)
    into ids, first_seqs, active_at
    from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
    where m.user_id = p_user_id and (p_conversation_id is null or m.conversation_id = p_conversation_id);
    if ids is null and p_conversation_id is not null then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
end $$;

-- Walk from p_before_at back through the messages of many conversations, in windows of time that hold some hundreds, until
-- p_wanted hits are found or p_budget messages were looked at: then all that is later than ended_at was.
create or replace function public.chat_walk_messages(
    p_ids uuid[], p_first_seqs bigint[], p_active_at timestamptz[], p_needles text[], p_words tsquery, p_author_id uuid,
    p_wanted integer, p_budget integer, p_before_at timestamptz, p_before_id uuid,
    out hit_ids uuid[], out ended_at timestamptz
)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    v_upper timestamptz := p_before_at;
    v_lower timestamptz;
    v_seconds double precision := 10;  -- the width of the window: few conversations were active in the first ones
    v_most integer := 1500;  -- messages of a window
    v_looked integer := 0;
    v_seen integer;
    v_hits uuid[];
begin
    hit_ids := '{}';
    loop
        v_lower := v_upper - make_interval(secs => v_seconds);
        select count(*), array_agg(w.id order by w.created_at desc, w.id desc) filter (
            where (w.created_at, w.id) < (p_before_at, p_before_id) and (p_author_id is null or w.user_id = p_author_id)
              and w.seq >= w.first_seq and w.deleted_at is null and w.type = 'text'
              and strpos(lower(w.message), p_needles[1]) > 0 and public.chat_is_hit(w.message, p_needles, p_words)
        ) into v_seen, v_hits
        from (
            select m.id, m.user_id, m.seq, m.type, m.message, m.created_at, m.deleted_at, c.first_seq
            from unnest(p_ids, p_first_seqs, p_active_at) as c (id, first_seq, active_at)
            cross join lateral (
                select * from public.messages as m
                where m.conversation_id = c.id and m.created_at > v_lower and m.created_at <= v_upper
                order by m.created_at desc limit v_most + 1
            ) as m
            where c.active_at > v_lower
            limit v_most + 1
        ) as w;
        if v_seen > v_most then  -- too many at once
            v_seconds := v_seconds / 8;
            v_most := case when v_seconds < 0.001 then v_most * 8 else v_most end;
            continue;
        end if;
        hit_ids := hit_ids || coalesce(v_hits, '{}');
        v_looked := v_looked + v_seen + 10;  -- a window costs something by itself
        exit when cardinality(hit_ids) >= p_wanted;
        v_upper := v_lower;
        if v_seen = 0 then  -- over the gap
            select max(m.created_at) into v_upper
            from unnest(p_ids) as c (id) cross join lateral (
                select created_at from public.messages as m
                where m.conversation_id = c.id and m.created_at <= v_lower order by m.created_at desc limit 1
            ) as m;
            exit when v_upper is null;
        end if;
        if v_looked >= p_budget then
            ended_at := v_upper;
            exit;
        end if;
        v_seconds := v_seconds * least(greatest(500.0 / greatest(v_seen, 1), 0.125), 8);
    end loop;
    hit_ids := hit_ids[:p_wanted];
end $$;

-- The hits that the index of words knows, unless it names more than p_most messages, of whatever conversations.
create or replace function public.chat_look_up_messages(
    p_ids uuid[], p_first_seqs bigint[], p_needles text[], p_words tsquery, p_indexed tsquery, p_author_id uuid,
    p_wanted integer, p_most integer, p_before_at timestamptz, p_before_id uuid,
    out hit_ids uuid[], out is_complete boolean
)
language plpgsql stable set search_path = '' set max_parallel_workers_per_gather = 0 set jit = off
as $$
begin
    with named as materialized (
        select id, conversation_id, seq, user_id, created_at, message from public.messages
        where public.chat_search_vector(message) @@ p_indexed and deleted_at is null and type = 'text'
        limit p_most + 1
    ), hits as (
        select id, created_at from named
        where conversation_id = any (p_ids) and seq >= p_first_seqs[array_position(p_ids, conversation_id)]
          and (created_at, id) < (p_before_at, p_before_id) and (p_author_id is null or user_id = p_author_id)
          and public.chat_is_hit(message, p_needles, p_words)
        order by created_at desc, id desc limit p_wanted
    )
    select (select count(*) from named) <= p_most,
           array(select id from hits order by created_at desc, id desc)
    into is_complete, hit_ids;
end $$;

-- The first p_limit hits as a page. p_ended_at: where the search has stopped before it came to the end.
create or replace function public.chat_hits_json(
    p_user_id uuid, p_hit_ids uuid[], p_limit integer, p_pattern text, p_ended_at timestamptz
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json := case when p_ended_at is not null then json_build_object(
        'at', public.chat_time(p_ended_at), 'id', 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    ) end;
begin
    for v_row in
        select f.message, f.id, f.created_at, f.text, a.author, u.member
        from unnest(p_hit_ids) with ordinality as hit (id, place)
        cross join lateral (
            select m as message, m.id, m.created_at, m.user_id, m.conversation_id, m.message as text
            from public.messages as m where m.id = hit.id limit 1
        ) as f
        cross join lateral (select u as author from public.users as u where u.id = f.user_id limit 1) as a
        cross join lateral (
            select u as member from public.user_conversation as u
            where u.conversation_id = f.conversation_id and u.user_id = p_user_id limit 1
        ) as u
        order by hit.place
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_merge(
            public.chat_message_json(v_row.message, v_row.author, v_row.member),
            json_build_object('highlight', public.chat_highlight(v_row.text, p_pattern))
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;

-- A page of the hits, newest first; p_before_at and p_before_id are the cursor. `next` may follow a page that is not full:
-- the search has looked at as many messages as one answer may cost.
create or replace function public.chat_search_messages(
    p_user_id uuid, p_issued_at double precision, p_query text, p_conversation_id uuid, p_author_id uuid, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_query record;
    v_in record;
    v_hit_ids uuid[];
    v_ended_at timestamptz;
    v_found record;
    v_more record;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_query from public.chat_parse_search(p_query);
    select * into v_in from public.chat_search_places(p_user_id, p_conversation_id);
    p_before_id := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    p_before_at := coalesce(p_before_at, v_in.active_at[1], 'epoch');
    select * into v_hit_ids, v_ended_at from public.chat_walk_messages(
        v_in.ids, v_in.first_seqs, v_in.active_at, v_query.needles, v_query.words, p_author_id, p_limit + 1, 1000,
        p_before_at, p_before_id
    );
    -- With that many hits among a thousand, going on is less than reading what the index has of so frequent a word.
    if v_ended_at is not null and cardinality(v_hit_ids) < 15 and v_query.indexed is not null then
        select * into v_found from public.chat_look_up_messages(
            v_in.ids, v_in.first_seqs, v_query.needles, v_query.words, v_query.indexed, p_author_id, p_limit + 1, 1500,
            p_before_at, p_before_id
        );
        if v_found.is_complete then
            v_hit_ids := v_found.hit_ids;
            v_ended_at := null;
        end if;
    end if;
    if v_ended_at is not null then
        select * into v_more from public.chat_walk_messages(
            v_in.ids, v_in.first_seqs, v_in.active_at, v_query.needles, v_query.words, p_author_id,
            p_limit + 1 - cardinality(v_hit_ids), 2000, v_ended_at, 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        );
        v_hit_ids := v_hit_ids || v_more.hit_ids;
        v_ended_at := v_more.ended_at;
    end if;
    return public.chat_hits_json(p_user_id, v_hit_ids, p_limit, v_query.pattern, v_ended_at);
end $$;

-- Move what waits into the index of words, so that no send must.
create or replace function public.chat_flush_search() returns json
language sql security definer set search_path = ''
as $$ select to_json(gin_clean_pending_list('public.messages_search')) $$;


-- messages ----------------------------------------------------------------------------------------------------------

-- The author, as messages and quotes show it.
create or replace function public.chat_author_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object('id', p_user.id, 'username', p_user.username, 'avatar_url', p_user.avatar_url)
$$;

-- A message as p_member sees it, or as events carry it where p_member is null: without `me` in its reactions, and with
-- quotes and threads that the server hides from members who may not see them. A deleted message keeps its place and its
-- number, without its text.
create or replace function public.chat_message_json(
    p_message public.messages, p_author public.users, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object(
            'id', p_message.id, 'conversation_id', p_message.conversation_id, 'user_id', p_message.user_id,
            'message', case
                when p_message.deleted_at is not null then ''
                when p_message.type = 'system' then public.chat_system_text(p_message, p_author)
                else p_message.message
            end,
            'created_at', public.chat_time(p_message.created_at),
            'seq', p_message.seq, 'version', p_message.version, 'client_id', p_message.client_id,
            'deleted_at', public.chat_time(p_message.deleted_at),
            'users', public.chat_author_json(p_author),
            'type', p_message.type, 'edited_at', public.chat_time(p_message.edited_at)
        ),
        case
            when p_message.reply_to is null and p_message.thread_id is null and p_message.reply_count = 0
                 and p_message.reactions is null and p_message.mentions is null and p_message.attachments is null
                 and p_message.pinned_at is null and p_message.custom is null
            -- most messages; written out, because it costs a fourth of what building it does
            then '{"reply_to": null, "quote": null, "thread_id": null, "reply_count": 0, "last_reply_at": null, '
                 '"reactions": [], "mentions": [], "attachments": [], "pinned_at": null, "custom": {}}'::json
            else public.chat_message_features_json(p_message, p_member)
        end
    )
$$;

create or replace function public.chat_message_features_json(
    p_message public.messages, p_member public.user_conversation
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_from bigint := coalesce(p_member.history_from, 1);
    v_quoted record;
    v_quote json;
begin
    if p_message.reply_to is not null then
        select m, u as author into v_quoted
        from public.messages as m join public.users as u on u.id = m.user_id
        where m.id = p_message.reply_to and m.conversation_id = p_message.conversation_id and m.seq >= v_from;
        if found then
            v_quote := public.chat_quote_json(v_quoted.m, v_quoted.author);
        end if;
    end if;
    if p_message.thread_id is not null and not exists (
        select from public.messages as m where m.id = p_message.thread_id and m.seq >= v_from
    ) then
        p_message.thread_id := null;  -- the root is gone, or was before the member's time
    end if;
    if v_quote is null then
        p_message.reply_to := null;  -- likewise the original
    end if;
    if p_message.deleted_at is not null then
        v_quote := null;
        p_message.last_reply_at := null;
    end if;
    return json_build_object(
        'reply_to', p_message.reply_to, 'quote', v_quote,
        'thread_id', p_message.thread_id, 'reply_count', p_message.reply_count,
        'last_reply_at', public.chat_time(p_message.last_reply_at),
        'reactions', public.chat_reactions_json(p_message, p_member.user_id),
        'mentions', coalesce(p_message.mentions, '{}'), 'attachments', coalesce(p_message.attachments, '[]'),
        'pinned_at', public.chat_time(p_message.pinned_at), 'custom', coalesce(p_message.custom, '{}')
    );
end $$;

-- A message as one that answers it shows it: its first 200 characters, as they are now.
create or replace function public.chat_quote_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_message.id, 'seq', p_message.seq, 'user_id', p_message.user_id, 'users', public.chat_author_json(p_author),
        'message', case
            when p_message.deleted_at is not null then ''
            when p_message.type = 'system' then public.chat_system_text(p_message, p_author)
            else left(p_message.message, 200)
        end,
        'deleted_at', public.chat_time(p_message.deleted_at)
    )
$$;

-- The reactions of a message; with p_user_id each says whether that user is among those who gave it: `me`.
create or replace function public.chat_reactions_json(p_message public.messages, p_user_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    if p_message.reactions is null or p_user_id is null then
        return coalesce(p_message.reactions, '[]');
    end if;
    return (
        select json_agg(each.reaction || jsonb_build_object('me', exists (
            select from public.chat_reactions as r
            where r.message_id = p_message.id and r.emoji = each.reaction ->> 'emoji' and r.user_id = p_user_id
        )) order by each.place)
        from jsonb_array_elements(p_message.reactions) with ordinality as each (reaction, place)
    );
end $$;

-- How many bytes a message is as JSON, at most: a byte of text is six of JSON.
create or replace function public.chat_message_bytes(p_message public.messages) returns bigint
language sql immutable
as $$
    select 1500 + 6 * octet_length(p_message.message) + case when p_message.reply_to is null then 0 else 5000 end
        + 60 * coalesce(cardinality(p_message.mentions), 0) + 2 * octet_length(concat(p_message.reactions, p_message.attachments))
        + 6 * coalesce(octet_length(p_message.custom::text), 0)
$$;

-- The message that a member of its conversation names. Raises 404 message_not_found for one of another conversation, and
-- for one of before the member's time.
create or replace function public.chat_find_message(p_message_id uuid, p_member public.user_conversation) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_message public.messages;
begin
    select * into v_message from public.messages where id = p_message_id;
    if not found or v_message.conversation_id <> p_member.conversation_id or v_message.seq < p_member.history_from then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return v_message;
end $$;

-- The conversation of a message, for ever. Raises 404 message_not_found.
create or replace function public.chat_get_message_conversation(p_message_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_conversation_id uuid;
begin
    select conversation_id into v_conversation_id from public.messages where id = p_message_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return json_build_object('conversation_id', v_conversation_id);
end $$;


-- open_conversations ------------------------------------------------------------------------------------------------

-- Conversations that are found without being added: the direct one of two people, and public ones.

-- The one conversation of two people, made where there is none. Raises 403 blocked.
create or replace function public.chat_open_direct_conversation(
    p_user_id uuid, p_issued_at double precision, p_other_user_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_first uuid := least(p_user_id, p_other_user_id);
    v_second uuid := greatest(p_user_id, p_other_user_id);
    v_conversation public.conversations;
    v_shared json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    perform public.chat_require_users(array[p_other_user_id]);
    if exists (
        select from public.chat_blocks
        where (user_id, blocked_user_id) in ((v_first, v_second), (v_second, v_first))
    ) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    -- Two who ask at once: the second waits here, and finds what the first has made.
    perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', v_first, v_second), 7243692));
    select c.* into v_conversation
    from public.chat_direct_conversations as d join public.conversations as c on c.id = d.conversation_id
    where d.first_user_id = v_first and d.second_user_id = v_second;
    if found then
        return public.chat_change_json(
            false, v_conversation.audience_version, public.chat_shared_conversation_json(v_conversation)
        );
    end if;
    insert into public.conversations (type, name, owner_user_id, created_at, last_activity_at, member_count)
    values ('direct', '', p_user_id, now(), now(), 2)
    returning * into v_conversation;
    insert into public.chat_direct_conversations (first_user_id, second_user_id, conversation_id)
    values (v_first, v_second, v_conversation.id);
    insert into public.user_conversation (conversation_id, user_id)
    values (v_conversation.id, v_first), (v_conversation.id, v_second);
    v_shared := public.chat_shared_conversation_json(v_conversation);
    return public.chat_change_json(true, v_conversation.audience_version, v_shared, json_build_array(
        json_build_object('event', 'newConversation', 'payload', v_shared)
    ));
end $$;

-- A page of the public conversations, the newest first; with p_query those whose name contains it, in any case.
create or replace function public.chat_list_public_conversations(
    p_user_id uuid, p_issued_at double precision, p_query text, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
    v_items json;
    v_count integer;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    with found as materialized (
        select c from public.conversations as c
        where c.visibility = 'public' and (v_pattern is null or c.name ilike v_pattern)
          and (p_before_at is null or (c.created_at, c.id) < (p_before_at, p_before_id))
        order by c.created_at desc, c.id desc
        limit p_limit + 1
    ), numbered as (
        select c, row_number() over (order by (c).created_at desc, (c).id desc) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_public_conversation_json(c, p_user_id) order by place)
                    filter (where place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((c).created_at), 'id', (c).id))
               filter (where place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- A public conversation as whoever looks for one sees it.
create or replace function public.chat_public_conversation_json(p_conversation public.conversations, p_user_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return json_build_object(
        'id', p_conversation.id, 'name', p_conversation.name, 'description', p_conversation.description,
        'avatar_url', p_conversation.avatar_url, 'created_at', public.chat_time(p_conversation.created_at),
        'member_count', coalesce(p_conversation.member_count, public.chat_count_members(p_conversation.id)),
        'is_member', exists (
            select from public.user_conversation where conversation_id = p_conversation.id and user_id = p_user_id
        )
    );
end $$;


-- operators ---------------------------------------------------------------------------------------------------------

-- What operators ask on the command line. Nobody else calls these: they look at everything, whoever is a member.

-- Users by name, those of p_query: with p_exact of that very name, else with it somewhere in the name; null: all of them.
create or replace function public.chat_find_users(
    p_query text, p_exact boolean, p_limit integer, p_after_name text, p_after_id uuid
) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'id', u.id, 'username', u.username, 'created_at', public.chat_time(u.created_at),
        'erased_at', public.chat_time(u.erased_at),
        'conversations', (select count(*) from public.user_conversation as m where m.user_id = u.id)
    ) order by u.username, u.id), '[]')
    from (
        select * from public.users
        where (p_query is null or case when p_exact then username = p_query else position(lower(p_query) in lower(username)) > 0 end)
          and (p_after_id is null or (username, id) > (p_after_name, p_after_id))
        order by username, id limit p_limit
    ) as u
$$;

create or replace function public.chat_describe_user(p_target_id uuid) returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object(
        'id', u.id, 'username', u.username, 'about', u.about, 'avatar_url', u.avatar_url, 'custom', u.custom,
        'created_at', public.chat_time(u.created_at), 'last_seen_at', public.chat_time(u.last_seen_at),
        'tokens_valid_from', public.chat_time(u.tokens_valid_from), 'erased_at', public.chat_time(u.erased_at),
        'conversations', (select count(*) from public.user_conversation as m where m.user_id = u.id),
        'owned_conversations', (select count(*) from public.conversations as c where c.owner_user_id = u.id),
        'messages', (select count(*) from public.messages as m where m.user_id = u.id)
    )
    from public.users as u where u.id = p_target_id
$$;

-- Conversations, most recently active first.
create or replace function public.chat_find_conversations(
    p_query text, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'id', c.id, 'name', c.name, 'type', c.type, 'last_activity_at', public.chat_time(c.last_activity_at),
        'messages', c.last_seq,
        'members', (select count(*) from public.user_conversation as m where m.conversation_id = c.id)
    ) order by c.last_activity_at desc, c.id desc), '[]')
    from (
        select * from public.conversations
        where (p_query is null or position(lower(p_query) in lower(name)) > 0)
          and (p_before_id is null or (last_activity_at, id) < (p_before_at, p_before_id))
        order by last_activity_at desc, id desc limit p_limit
    ) as c
$$;

-- A conversation with its first members, in the order of their names.
create or replace function public.chat_describe_conversation(p_conversation_id uuid, p_limit integer) returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object(
        'id', c.id, 'name', c.name, 'type', c.type, 'visibility', c.visibility, 'description', c.description,
        'custom', c.custom, 'owner_user_id', c.owner_user_id, 'created_at', public.chat_time(c.created_at),
        'last_activity_at', public.chat_time(c.last_activity_at), 'version', c.version, 'oldest_seq', c.oldest_seq,
        'last_seq', c.last_seq, 'frozen', c.frozen, 'slow_mode_seconds', c.slow_mode_seconds,
        'member_count', (select count(*) from public.user_conversation as m where m.conversation_id = c.id),
        'members', (
            select coalesce(json_agg(json_build_object(
                'id', n.user_id, 'username', n.username, 'role', n.role, 'last_read_seq', n.last_read_seq
            ) order by n.username, n.user_id), '[]')
            from (
                select m.user_id, u.username, m.last_read_seq,
                       case when m.user_id = c.owner_user_id then 'owner' else m.role end as role
                from public.user_conversation as m join public.users as u on u.id = m.user_id
                where m.conversation_id = c.id
                order by u.username, m.user_id limit p_limit
            ) as n
        )
    )
    from public.conversations as c where c.id = p_conversation_id
$$;

-- The database itself; `now` in Unix seconds.
create or replace function public.chat_describe_database() returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object(
        'now', extract(epoch from clock_timestamp()), 'version', current_setting('server_version'),
        'is_standby', pg_is_in_recovery(), 'max_connections', current_setting('max_connections')::integer,
        'bytes', pg_database_size(current_database())
    )
$$;

-- Makes the messages of the demo older, in a conversation that has no others; p_seconds are their ages by client_id.
create or replace function public.chat_age_demo(p_conversation_id uuid, p_seconds jsonb) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
    v_count integer;
begin
    perform from public.conversations where id = p_conversation_id for update;
    if exists (
        select from public.messages
        where conversation_id = p_conversation_id and type = 'text' and coalesce(client_id, '') not like 'demo-%'
    ) then
        return 0;  -- somebody has written here
    end if;
    update public.messages as m
    set created_at = now() - a.value::double precision * interval '1 second'
    from jsonb_each_text(p_seconds) as a
    where m.conversation_id = p_conversation_id and m.client_id = a.key;
    get diagnostics v_count = row_count;
    -- What came after a message came soon after it.
    update public.messages as m
    set last_reply_at = (select max(r.created_at) from public.messages as r where r.thread_id = m.id),
        edited_at = case when m.edited_at is not null then m.created_at + interval '30 seconds' end,
        pinned_at = case when m.pinned_at is not null then m.created_at + interval '40 seconds' end
    where m.conversation_id = p_conversation_id
      and (m.reply_count > 0 or m.edited_at is not null or m.pinned_at is not null);
    update public.chat_mentions as n set created_at = m.created_at
    from public.messages as m where m.conversation_id = p_conversation_id and n.message_id = m.id;
    update public.conversations as c
    set created_at = m.first_at - interval '1 hour', last_activity_at = m.last_at
    from (
        select min(created_at) as first_at, max(created_at) as last_at
        from public.messages where conversation_id = p_conversation_id
    ) as m
    where c.id = p_conversation_id and m.first_at is not null;
    return v_count;
end $$;


-- pages -------------------------------------------------------------------------------------------------------------

-- The messages numbered p_first to p_last as p_member sees them, oldest first, as many as fit into p_bytes: those nearest
-- to p_anchor, at least one. From the oldest that is kept numbers have no gap, so every page is such a range; first_seq and
-- last_seq are the range that was taken.
create or replace function public.chat_message_range(
    p_conversation_id uuid, p_member public.user_conversation, p_first bigint, p_last bigint, p_anchor bigint, p_bytes bigint,
    out first_seq bigint, out last_seq bigint, out items json
)
language plpgsql stable set search_path = ''
as $$
declare
    v_fits boolean;
    v_row record;
    v_items json[] := '{}';
    v_bytes bigint := 0;
begin
    -- Mostly all of them fit, and one query is half the work of the loop. A byte of text is six of JSON at most.
    with found as materialized (
        select m from public.messages as m where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
    ), measured as (
        select coalesce(sum(public.chat_message_bytes(m)), 0) <= p_bytes as fits from found
    )
    select min((f.m).seq), max((f.m).seq), coalesce(json_agg(public.chat_message_json(f.m, a.author, p_member) order by (f.m).seq), '[]'),
           (select fits from measured)
    into first_seq, last_seq, items, v_fits
    from found as f
    -- `limit 1`: each author is looked up by its id, however many rows the planner expects; a join might scan all users
    cross join lateral (select u as author from public.users as u where u.id = (f.m).user_id limit 1) as a
    where (select fits from measured);
    if v_fits then
        return;
    end if;
    -- One by one, so that no more JSON is made than is sent.
    for v_row in
        select nearest.seq, public.chat_message_json(nearest.m, a.author, p_member) as item
        from (
            select m.seq, abs(m.seq - p_anchor) as distance, m from public.messages as m
            where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
            order by distance, m.seq
        ) as nearest
        cross join lateral (select u as author from public.users as u where u.id = (nearest.m).user_id limit 1) as a
        order by nearest.distance, nearest.seq
    loop
        exit when v_bytes >= p_bytes;
        v_items := case when v_row.seq < p_anchor then v_row.item || v_items else v_items || v_row.item end;
        v_bytes := v_bytes + octet_length(v_row.item::text);
        first_seq := least(first_seq, v_row.seq);
        last_seq := greatest(last_seq, v_row.seq);
    end loop;
    items := array_to_json(v_items);
end $$;

-- The number of the oldest message that a member sees; with null instead of a member, of the oldest there is.
create or replace function public.chat_first_seq(p_conversation public.conversations, p_member public.user_conversation) returns bigint
language sql immutable
as $$ select greatest(p_conversation.oldest_seq, p_member.history_from) $$;

create or replace function public.chat_newest_messages_json(
    p_conversation public.conversations, p_member public.user_conversation, p_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select items from public.chat_message_range(
            p_conversation.id, p_member,
            greatest(p_conversation.last_seq - p_limit + 1, public.chat_first_seq(p_conversation, p_member)),
            p_conversation.last_seq, p_conversation.last_seq, public.chat_page_bytes() / 2
        )
    );
end $$;

-- A page of a conversation's messages, oldest first: before, after or around a number, after a date, or the newest. It
-- ends early after two mebibytes. p_user_id is null only in open mode, for a reader who says no name.
create or replace function public.chat_list_messages(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_limit integer,
    p_before_seq bigint, p_after_seq bigint, p_around_seq bigint, p_after_date timestamptz
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_member public.user_conversation;
    v_oldest bigint;
    v_newest bigint;
    v_first bigint;
    v_last bigint;
    v_page record;
begin
    if p_user_id is not null then
        v_member := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    end if;
    select * into v_conversation from public.conversations where id = p_conversation_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    v_oldest := public.chat_first_seq(v_conversation, v_member);
    v_newest := v_conversation.last_seq;
    if p_after_date is not null then
        select seq - 1 into p_after_seq from public.messages
        where conversation_id = p_conversation_id and created_at > p_after_date
        order by created_at, seq limit 1;
        p_after_seq := coalesce(p_after_seq, v_newest);
    end if;
    if p_after_seq < v_oldest then  -- what lies between does not exist: the page begins with the oldest
        p_after_seq := v_oldest - 1;
    end if;
    v_last := case
        when p_before_seq is not null then p_before_seq - 1
        when p_after_seq is not null then p_after_seq + p_limit
        when p_around_seq is not null then greatest(p_around_seq + p_limit / 2, v_oldest + p_limit - 1)
        else v_newest
    end;
    v_last := greatest(least(v_last, v_newest), v_oldest - 1);
    v_first := case when p_after_seq is not null then p_after_seq + 1 else v_last - p_limit + 1 end;
    v_first := least(greatest(v_first, v_oldest), v_newest + 1);
    select * into v_page from public.chat_message_range(
        p_conversation_id, v_member, v_first, v_last,
        case when p_after_seq is not null then v_first else coalesce(p_around_seq, v_last) end,
        public.chat_page_bytes()
    );
    v_first := coalesce(v_page.first_seq, v_first);
    v_last := coalesce(v_page.last_seq, v_last);
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', v_first > v_oldest and v_newest >= v_oldest, 'has_more_after', v_last < v_newest
        ),
        'items', v_page.items
    );
end $$;


-- participants ------------------------------------------------------------------------------------------------------

-- A member whom somebody names in a conversation of theirs. Raises 404 user_not_found.
create or replace function public.chat_find_participant(p_conversation_id uuid, p_member_id uuid) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    select * into v_member from public.user_conversation
    where conversation_id = p_conversation_id and user_id = p_member_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'user_not_found',
            detail = 'This user is no member of the conversation.';
    end if;
    return v_member;
end $$;

-- A participant with the version at which that is so.
create or replace function public.chat_changed_participant_json(
    p_conversation public.conversations, p_member public.user_conversation, p_version bigint
) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select public.chat_merge(
            public.chat_participant_json(p_conversation, p_member, u),
            json_build_object('conversation_id', p_conversation.id, 'version', p_version)
        )
        from public.users as u where u.id = p_member.user_id
    );
end $$;

-- A page of a conversation's members, the longest-standing first. p_after: the cursor `{at, id}`, whose `at` is null among
-- the members of before there was a time.
create or replace function public.chat_list_members(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_after jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_at timestamptz := (p_after ->> 'at')::timestamptz;
    v_id uuid := (p_after ->> 'id')::uuid;
    v_conversation public.conversations;
    v_items json;
    v_count integer;
    v_next json;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    with found as materialized (
        (
            select m from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.joined_at is null and v_at is null
              and (v_id is null or m.user_id > v_id)
            order by m.user_id limit p_limit + 1
        )
        union all
        (
            select m from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.joined_at is not null
              and (v_at is null or (m.joined_at, m.user_id) > (v_at, v_id))
            order by m.joined_at, m.user_id limit p_limit + 1
        )
    ), numbered as (
        select m, row_number() over (order by (m).joined_at nulls first, (m).user_id) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_participant_json(v_conversation, n.m, u) order by n.place)
                    filter (where n.place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((n.m).joined_at), 'id', (n.m).user_id))
               filter (where n.place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered as n
    cross join lateral (select * from public.users where id = (n.m).user_id limit 1) as u
    where n.place <= p_limit + 1;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- p_changes: `{role?, custom?}`. Roles are given by the owner; with `owner` the conversation is handed over, and its old
-- owner becomes an admin. `custom` is merged, by the member or an admin.
create or replace function public.chat_update_member(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_member_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_acting public.user_conversation;
    v_member public.user_conversation;
    v_old json;
    v_custom jsonb;
    v_role text;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_conversation := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting := public.chat_get_member(p_conversation_id, p_user_id);
    v_member := public.chat_find_participant(p_conversation_id, p_member_id);
    v_old := public.chat_changed_participant_json(v_conversation, v_member, v_conversation.version);
    v_role := coalesce(p_changes ->> 'role', public.chat_role(v_conversation, v_member));
    v_custom := public.chat_merge_custom(v_member.custom, coalesce(p_changes -> 'custom', '{}'));
    if p_changes ? 'custom' and p_member_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_acting);
    end if;
    if v_role <> public.chat_role(v_conversation, v_member) then
        perform public.chat_give_role(v_conversation, v_acting, v_member, v_role);
    elsif v_custom = v_member.custom then
        return public.chat_change_json(false, v_conversation.audience_version, v_old);
    end if;
    update public.user_conversation set custom = v_custom where id = v_member.id;
    v_conversation := public.chat_next_version(p_conversation_id, 0, false);
    return public.chat_change_json(
        true, v_conversation.audience_version,
        public.chat_changed_participant_json(
            v_conversation, public.chat_get_member(p_conversation_id, p_member_id), v_conversation.version
        ),
        json_build_array(json_build_object(
            'event', 'conversationUpdated', 'payload', public.chat_shared_conversation_json(v_conversation)
        ))
    );
end $$;

-- Give a member of a locked conversation another role. Raises 403 not_allowed.
create or replace function public.chat_give_role(
    p_conversation public.conversations, p_acting public.user_conversation, p_member public.user_conversation, p_role text
) returns void
language plpgsql set search_path = ''
as $$
begin
    perform public.chat_require_group(p_conversation);
    if public.chat_role(p_conversation, p_acting) <> 'owner' then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner gives roles.';
    end if;
    if p_member.user_id = p_acting.user_id then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Make somebody else the owner: the old one is an admin then.';
    end if;
    if p_role = 'owner' then
        update public.conversations set owner_user_id = p_member.user_id where id = p_conversation.id;
        update public.user_conversation set role = 'admin' where id = p_acting.id;
    else
        update public.user_conversation set role = p_role where id = p_member.id;
    end if;
end $$;

-- p_changes: `{pinned?, archived?, muted_until?, notifications?}`, the caller's own. Others hear nothing of it, and it has no version.
create or replace function public.chat_update_member_settings(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_old public.user_conversation;
    v_new public.user_conversation;
    v_settings json;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    select * into v_old from public.user_conversation
    where conversation_id = p_conversation_id and user_id = p_user_id for update;
    if not found or v_conversation.id is null then  -- removed in this moment, or deleted
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    v_new := jsonb_populate_record(v_old, p_changes - 'archived');
    v_new.archived_at_count := case p_changes ->> 'archived'
        when 'true' then v_conversation.last_seq - v_conversation.system_count
        when 'false' then null
        else v_old.archived_at_count
    end;
    if v_new is distinct from v_old then
        update public.user_conversation
        set pinned = v_new.pinned, muted_until = v_new.muted_until, archived_at_count = v_new.archived_at_count,
            notifications = v_new.notifications
        where id = v_old.id;
    end if;
    v_settings := json_build_object(
        'conversation_id', p_conversation_id, 'pinned', v_new.pinned,
        'archived', public.chat_is_archived(v_conversation, v_new), 'muted_until', public.chat_time(v_new.muted_until),
        'notifications', v_new.notifications
    );
    return public.chat_change_json(
        v_new is distinct from v_old, v_conversation.audience_version, v_settings,
        json_build_array(json_build_object(
            'event', 'conversationSettings', 'payload', v_settings, 'user_ids', array[p_user_id]
        ))
    );
end $$;


-- pins --------------------------------------------------------------------------------------------------------------

-- Pin a message, or with p_is_pinned false take it off; what is so already stays. Raises 403 not_allowed for who is no
-- admin; in a direct conversation both may.
create or replace function public.chat_set_pin(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_is_pinned boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_message public.messages;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_message := v_found.message;
    if v_message.deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    if (v_found.conversation).type <> 'direct' then
        perform public.chat_require_admin(v_found.conversation, v_found.member);
    end if;
    if (v_message.pinned_at is not null) = p_is_pinned then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_message, false);
    end if;
    update public.messages
    set pinned_at = case when p_is_pinned then clock_timestamp() end,
        version = (public.chat_next_version(v_message.conversation_id, 0, false)).version
    where id = v_message.id
    returning * into v_message;
    return public.chat_message_change_json(v_found.conversation, v_found.member, v_message, true);
end $$;

-- The pinned messages that a member sees, the newest pin first. A page ends early after two mebibytes: `next` leads on.
create or replace function public.chat_list_pins(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_row record;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    for v_row in
        select m, m.id, m.pinned_at, a.author
        from public.messages as m
        -- `limit 1`: each author is looked up by its id, however many rows the planner expects
        cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
        where m.conversation_id = p_conversation_id and m.pinned_at is not null and m.seq >= v_member.history_from
          and (m.pinned_at, m.id) < (
              coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
          )
        order by m.pinned_at desc, m.id desc limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || public.chat_message_json(v_row.m, v_row.author, v_member);
        v_bytes := v_bytes + octet_length(v_items[cardinality(v_items)]::text);
        v_last := json_build_object('at', public.chat_time(v_row.pinned_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- presence ----------------------------------------------------------------------------------------------------------

-- What a process says of its sockets, and asks of those of the others. p_report: `{process, lease, is_whole, online, offline,
-- seconds, watched}`: whose first socket came and whose last one went, with `is_whole` all who have one; the process counts as
-- alive for `lease` seconds. Returns `{is_known, changes}`: whether the database knows the process, else nothing was done and
-- the whole is to be said; and who came or went anywhere in the last `seconds`, of `watched` unless that is null.
create or replace function public.chat_update_presence(p_report jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_process text := p_report ->> 'process';
    v_alive_until timestamptz := now() + make_interval(secs => (p_report ->> 'lease')::double precision);
    v_online uuid[] := array(select value::uuid from jsonb_array_elements_text(p_report -> 'online'));
    v_offline uuid[] := array(select value::uuid from jsonb_array_elements_text(p_report -> 'offline'));
begin
    perform public.chat_end_processes();
    if (p_report ->> 'is_whole')::boolean then
        insert into public.chat_processes (process, alive_until) values (v_process, v_alive_until)
        on conflict (process) do update set alive_until = excluded.alive_until;
        v_offline := array(
            select user_id from public.chat_presence where process = v_process and online and user_id <> all(v_online)
        );
    else
        update public.chat_processes set alive_until = v_alive_until where process = v_process;
        if not found then
            return json_build_object('is_known', false, 'changes', '[]'::json);
        end if;
    end if;
    insert into public.chat_presence (user_id, process, online)
    select id, v_process, true from unnest(v_online) as id order by id
    on conflict (user_id, process) do update set online = true, changed_at = excluded.changed_at
    where not chat_presence.online;
    perform public.chat_end_presence(array(
        select user_id from public.chat_presence where process = v_process and online and user_id = any(v_offline)
    ), v_process);
    -- The others have noticed long ago.
    delete from public.chat_presence where not online and changed_at < now() - interval '10 minutes';
    return json_build_object('is_known', true, 'changes', public.chat_presence_changes(p_report));
end $$;

-- Processes that have not been heard of in time have gone, with all of their sockets.
create or replace function public.chat_end_processes() returns void
language plpgsql set search_path = ''
as $$
declare
    v_process text;
begin
    for v_process in
        delete from public.chat_processes where alive_until < now() returning process
    loop
        perform public.chat_end_presence(
            array(select user_id from public.chat_presence where process = v_process and online), v_process
        );
    end loop;
end $$;

-- The last sockets of some users on a process have gone: who has none on another is seen no longer.
create or replace function public.chat_end_presence(p_user_ids uuid[], p_process text) returns void
language plpgsql set search_path = ''
as $$
begin
    update public.chat_presence set online = false, changed_at = clock_timestamp()
    where process = p_process and user_id = any(p_user_ids);
    perform from public.users where id = any(p_user_ids) order by id for no key update;
    update public.users as u set last_seen_at = now()
    where u.id = any(p_user_ids) and u.erased_at is null and not public.chat_is_online(u.id);
end $$;

create or replace function public.chat_is_online(p_user_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
    return exists (
        select from public.chat_presence as p join public.chat_processes as alive using (process)
        where p.user_id = p_user_id and p.online and alive.alive_until > now()
    );
end $$;

create or replace function public.chat_presence_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'user_id', p_user.id, 'online', public.chat_is_online(p_user.id),
        'last_seen_at', public.chat_time(p_user.last_seen_at)
    )
$$;

create or replace function public.chat_presence_changes(p_report jsonb) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_since timestamptz := now() - make_interval(secs => (p_report ->> 'seconds')::double precision);
    v_watched uuid[];
begin
    if v_since is null then
        return '[]';
    end if;
    if jsonb_typeof(p_report -> 'watched') = 'array' then
        v_watched := array(select value::uuid from jsonb_array_elements_text(p_report -> 'watched'));
    end if;
    return (
        select coalesce(json_agg(public.chat_presence_json(u)), '[]')
        from (
            select distinct user_id from public.chat_presence
            where changed_at > v_since and (v_watched is null or user_id = any(v_watched))
        ) as changed
        join public.users as u on u.id = changed.user_id and u.erased_at is null
    );
end $$;

-- The presence of some users as another one sees it: of those who share a conversation with that user. `visible` is false,
-- and they look as if they had never been here, where one of the two shares no presence or has blocked the other.
create or replace function public.chat_presence_seen_by(p_user public.users, p_user_ids uuid[]) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_blocked uuid[] := public.chat_blocked_with(p_user.id);
begin
    return (
        select coalesce(json_agg(
            case
                when p_user.share_presence and u.share_presence and u.id <> all(v_blocked)
                then public.chat_merge(public.chat_presence_json(u), '{"visible": true}')
                else json_build_object('user_id', u.id, 'online', false, 'last_seen_at', null, 'visible', false)
            end order by u.id
        ), '[]')
        from public.chat_contacts(p_user.id, p_user_ids) as contact
        cross join lateral (select * from public.users where id = contact and erased_at is null limit 1) as u
    );
end $$;

create or replace function public.chat_watch_presence(
    p_user_id uuid, p_issued_at double precision, p_watch jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return public.chat_presence_seen_by(
        public.chat_require_user(p_user_id, p_issued_at),
        array(select value::uuid from jsonb_array_elements_text(p_watch -> 'user_ids'))
    );
end $$;

-- The same for many who watch, `{user: [users]}`, by user.
create or replace function public.chat_check_watches(p_watches jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_object_agg(each.key, case
            when u.erased_at is not null then '[]'
            else public.chat_presence_seen_by(
                u, array(select value::uuid from jsonb_array_elements_text(each.value))
            )
        end), '{}')
        from jsonb_each(p_watches) as each join public.users as u on u.id = each.key::uuid
    );
end $$;


-- previous ----------------------------------------------------------------------------------------------------------

-- The functions of the last release whose parameters or result have changed since: its processes may still run while
-- this file is applied. The next release drops them.

create or replace function public.chat_schema_version() returns json
language sql stable security definer set search_path = ''
as $$ select to_json(version) from public.chat_schema $$;

create or replace function public.chat_member_ids(p_conversation_id uuid) returns json
language sql stable
as $$ select json_agg(user_id) from public.user_conversation where conversation_id = p_conversation_id $$;

create or replace function public.chat_create_conversation(
    p_user_id uuid, p_issued_at double precision, p_participant_ids uuid[], p_name text
) returns json
language sql security definer set search_path = ''
as $$
    select json_build_object(
        'conversation', public.chat_create_conversation(
            p_user_id, p_issued_at, jsonb_build_object('name', p_name, 'participant_ids', p_participant_ids)
        ) -> 'result',
        'recipients', (select coalesce(json_agg(distinct id), '[]') from unnest(p_participant_ids) as id)
    )
$$;

create or replace function public.chat_send_message(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_message text, p_client_id text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_change json := public.chat_send_message(
        p_user_id, p_issued_at, p_conversation_id, jsonb_build_object('message', p_message, 'client_id', p_client_id)
    );
begin
    return json_build_object(
        'message', v_change -> 'result', 'recipients', public.chat_member_ids(p_conversation_id),
        'repeated', not (v_change ->> 'announce')::boolean
    );
end $$;

create or replace function public.chat_update_receipt(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_read_seq bigint, p_delivered_seq bigint
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_change json := public.chat_update_receipt(
        p_user_id, p_issued_at, p_conversation_id,
        jsonb_build_object('read_seq', p_read_seq, 'delivered_seq', p_delivered_seq)
    );
begin
    return json_build_object(
        'receipt', v_change -> 'result',
        'recipients', case when (v_change ->> 'announce')::boolean
                           then public.chat_member_ids(p_conversation_id) else '[]'::json end
    );
end $$;

create or replace function public.chat_sync(
    p_user_id uuid, p_issued_at double precision, p_since jsonb, p_limit integer
) returns json
language sql stable security definer set search_path = ''
as $$ select public.chat_sync(p_user_id, p_issued_at, coalesce(p_since, '{}'), null, p_limit) $$;

create or replace function public.chat_messages_json(p_conversation_id uuid, p_first bigint, p_last bigint) returns json
language sql stable
as $$
    select coalesce(json_agg(public.chat_message_json(m, a.author) order by m.seq), '[]')
    from public.messages as m
    cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
    where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
$$;

create or replace function public.chat_newest_messages_json(p_conversation_id uuid, p_limit integer) returns json
language sql stable
as $$
    select public.chat_newest_messages_json(c, null, p_limit) from public.conversations as c where c.id = p_conversation_id
$$;

create or replace function public.chat_message_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$ select public.chat_message_json(p_message, p_author, null) $$;

create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$ select public.chat_sent_message_json(p_message, p_author, p_conversation, null) $$;

create or replace function public.chat_participants_json(p_conversation_id uuid) returns json
language sql stable
as $$ select public.chat_participants_json(c) from public.conversations as c where c.id = p_conversation_id $$;

create or replace function public.chat_counters_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$ select public.chat_own_json(p_conversation, p_member) $$;

create or replace function public.chat_require_member(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
end $$;

create or replace function public.chat_list_conversations(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_message_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_page json := public.chat_list_conversations(p_user_id, p_issued_at, p_limit, p_message_limit, true, case
        when p_before_at is not null then jsonb_build_object('pinned', false, 'at', p_before_at, 'id', p_before_id)
    end);
    v_next json := v_page -> 'info' -> 'next';
begin
    return json_build_object(
        'info', json_build_object('next', case
            when json_typeof(v_next) = 'object' then json_build_object('at', v_next -> 'at', 'id', v_next -> 'id')
        end),
        'items', v_page -> 'items'
    );
end $$;

create or replace function public.chat_list_receipts(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_user public.users;
    v_member public.user_conversation;
begin
    v_user := public.chat_require_user(p_user_id, p_issued_at);
    v_member := public.chat_get_member(p_conversation_id, p_user_id);
    if not v_user.share_receipts then
        return json_build_array(public.chat_receipt_json(v_member));
    end if;
    return (
        select json_agg(public.chat_receipt_json(m) order by m.user_id)
        from public.user_conversation as m
        where m.conversation_id = p_conversation_id
          and (select share_receipts from public.users where id = m.user_id)
    );
end $$;


-- push --------------------------------------------------------------------------------------------------------------

-- The devices that are to hear of a message, for the members on one page: `{note, targets, next}`. `note` is what they hear,
-- null when the message is not there any more, or is older than a day. p_query: `{services, limit, after?, tokens?}`: the
-- members after a user's id, `next` on the page before; or those of some devices, and no other device.
create or replace function public.chat_list_push_targets(p_message_id uuid, p_query jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_message public.messages;
    v_limit integer := (p_query ->> 'limit')::integer;
    v_tokens text[] := array(select jsonb_array_elements_text(p_query -> 'tokens'));
    v_members public.user_conversation[];
begin
    select * into v_message from public.messages
    where id = p_message_id and deleted_at is null and type = 'text' and created_at > now() - interval '1 day';
    if not found then
        return json_build_object('note', null, 'targets', '[]'::json, 'next', null);
    end if;
    if p_query ? 'tokens' then
        v_members := array(
            select m from public.user_conversation as m
            where m.conversation_id = v_message.conversation_id
              and m.user_id in (select user_id from public.chat_devices where token = any (v_tokens))
        );
    else
        v_members := array(
            select page.m from (  -- along the index, however few members the planner expects: it would sort them all
                select m from public.user_conversation as m
                where (m.conversation_id, m.user_id) > (
                    v_message.conversation_id, coalesce((p_query ->> 'after')::uuid, '00000000-0000-0000-0000-000000000000')
                )
                order by m.conversation_id, m.user_id limit v_limit
            ) as page
            where (page.m).conversation_id = v_message.conversation_id
            order by (page.m).user_id
        );
    end if;
    return json_build_object(
        'note', public.chat_note_json(v_message),
        'targets', public.chat_push_targets_json(
            v_message, v_members, array(select jsonb_array_elements_text(p_query -> 'services')),
            case when p_query ? 'tokens' then v_tokens end
        ),
        'next', case when cardinality(v_members) = v_limit and not p_query ? 'tokens' then (v_members[v_limit]).user_id end
    );
end $$;

-- The devices, with these tokens unless they are null, of those members who are to hear of a message: not of the author,
-- those who see it already or never, who have blocked or are blocked, or want to hear nothing.
create or replace function public.chat_push_targets_json(
    p_message public.messages, p_members public.user_conversation[], p_services text[], p_tokens text[]
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_blocked uuid[] := public.chat_blocked_with(p_message.user_id);
    v_user_ids uuid[];
begin
    v_user_ids := array(
        select m.user_id from unnest(p_members) as m
        where m.user_id is distinct from p_message.user_id
          and p_message.seq >= m.history_from and p_message.seq > m.last_read_seq
          and coalesce(m.muted_until, '-infinity') <= now()
          and case coalesce(m.notifications, public.chat_notifications(m.user_id))
              when 'all' then true
              when 'mentions' then m.user_id = any (coalesce(p_message.mentions, '{}'))
              else false
          end
          and m.user_id <> all (v_blocked)
          and exists (select from public.chat_devices as d where d.user_id = m.user_id)
          and not public.chat_is_online(m.user_id)
    );
    return (
        select coalesce(json_agg(json_build_object(
            'token', d.token, 'service', d.service, 'endpoint', d.endpoint, 'p256dh', d.p256dh, 'auth', d.auth,
            'registered_at', public.chat_time(d.registered_at)
        ) order by d.user_id, d.token), '[]')
        from unnest(v_user_ids) as id
        -- a limit: looked up by the index for each, however many devices the planner expects
        cross join lateral (select * from public.chat_devices where user_id = id limit 1000) as d
        where d.service = any (p_services) and (p_tokens is null or d.token = any (p_tokens))
    );
end $$;

-- What there is to tell of a message: `names` are those of the people whom the beginning of its text mentions.
create or replace function public.chat_note_json(p_message public.messages) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'conversation_id', c.id, 'message_id', p_message.id, 'seq', p_message.seq,
            'is_direct', c.type = 'direct', 'conversation', c.name,
            'sender', (select username from public.users where id = p_message.user_id),
            'text', left(p_message.message, 1000), 'file', p_message.attachments -> 0 ->> 'name',
            'names', (
                select coalesce(json_object_agg(u.id, u.username), '{}') from public.users as u
                where u.id = any (p_message.mentions) and strpos(left(lower(p_message.message), 1000), u.id::text) > 0
            )
        )
        from public.conversations as c where c.id = p_message.conversation_id
    );
end $$;


-- reactions ---------------------------------------------------------------------------------------------------------

-- React to a message; a second time nothing happens. Raises 422 too_many_reactions for the 21st kind.
create or replace function public.chat_add_reaction(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    perform public.chat_check_change(v_found.conversation, v_found.member, v_found.message);
    insert into public.chat_reactions (message_id, emoji, user_id) values (p_message_id, p_emoji, p_user_id)
    on conflict do nothing;
    if not found then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_found.message, false);
    end if;
    return public.chat_reaction_change_json(v_found.conversation, v_found.member, v_found.message, p_emoji, true);
end $$;

-- Take a reaction back; one that is not there is none that could be.
create or replace function public.chat_remove_reaction(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    if (v_found.message).deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    delete from public.chat_reactions where message_id = p_message_id and emoji = p_emoji and user_id = p_user_id;
    if not found then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_found.message, false);
    end if;
    return public.chat_reaction_change_json(v_found.conversation, v_found.member, v_found.message, p_emoji, false);
end $$;

-- Sum up a message's reactions after a row of this emoji was added or removed. `burst` is the event that can stand for
-- several of these: the whole message.
create or replace function public.chat_reaction_change_json(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages,
    p_emoji text, p_added boolean
) returns json
language plpgsql set search_path = ''
as $$
declare
    v_author public.users;
    v_count integer := case when p_added then 1 else -1 end + coalesce((
        select (reaction -> 'count')::integer from jsonb_array_elements(p_message.reactions) as reaction
        where reaction ->> 'emoji' = p_emoji
    ), 0);
begin
    update public.messages
    set reactions = public.chat_summed_reactions(p_message, p_emoji, v_count),
        version = (public.chat_next_version(p_message.conversation_id, 0, false)).version
    where id = p_message.id
    returning * into p_message;
    if jsonb_array_length(p_message.reactions) > 20 then
        raise exception using errcode = 'PT422', message = 'too_many_reactions',
            detail = '{"emoji": ["A message has at most 20 kinds of reactions."]}';
    end if;
    select * into v_author from public.users where id = p_message.user_id;
    return public.chat_change_json(
        true, p_conversation.audience_version, public.chat_message_json(p_message, v_author, p_member),
        json_build_array(json_build_object(
            'event', 'reaction',
            'payload', json_build_object(
                'message_id', p_message.id, 'conversation_id', p_message.conversation_id, 'seq', p_message.seq,
                'version', p_message.version, 'emoji', p_emoji, 'user_id', p_member.user_id, 'added', p_added,
                'count', v_count
            ),
            'burst', public.chat_message_json(p_message, v_author, null), 'root_seq', public.chat_root_seq(p_message)
        ))
    );
end $$;

-- The reactions of a message with those of one emoji counted anew: in their place, or last where they are the first.
create or replace function public.chat_summed_reactions(p_message public.messages, p_emoji text, p_count integer) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    v_sum jsonb := case when p_count > 0 then jsonb_build_object('emoji', p_emoji, 'count', p_count, 'user_ids', (
        select jsonb_agg(user_id order by created_at, user_id) from (
            select user_id, created_at from public.chat_reactions
            where message_id = p_message.id and emoji = p_emoji order by created_at, user_id limit 20
        ) as first
    )) end;
begin
    if p_count = 1 and not exists (
        select from jsonb_array_elements(p_message.reactions) as reaction where reaction ->> 'emoji' = p_emoji
    ) then
        return coalesce(p_message.reactions, '[]') || v_sum;
    end if;
    return (
        select jsonb_agg(case when reaction ->> 'emoji' = p_emoji then v_sum else reaction end order by place)
        from jsonb_array_elements(p_message.reactions) with ordinality as each (reaction, place)
        where reaction ->> 'emoji' <> p_emoji or v_sum is not null
    );
end $$;

-- Who reacted, the newest first: with one emoji, or with any where p_emoji is null; then a page of each kind is looked at.
create or replace function public.chat_list_reactions(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_seen record;
    v_row record;
    v_items json[] := '{}';
    v_last json;
    v_next json;
begin
    select * into v_seen from public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    for v_row in
        select found.*, a.author
        from (
            select r.* from jsonb_array_elements((v_seen.message).reactions) as kind (reaction)
            cross join lateral (
                select * from public.chat_reactions
                where message_id = p_message_id and emoji = kind.reaction ->> 'emoji' and (created_at, user_id) < (
                    coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                )
                order by created_at desc, user_id desc limit p_limit + 1
            ) as r
            where p_emoji is null or kind.reaction ->> 'emoji' = p_emoji
            order by r.created_at desc, r.user_id desc limit p_limit + 1
        ) as found
        cross join lateral (select u as author from public.users as u where u.id = found.user_id limit 1) as a
        order by found.created_at desc, found.user_id desc
    loop
        if cardinality(v_items) = p_limit then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || json_build_object(
            'emoji', v_row.emoji, 'user_id', v_row.user_id, 'users', public.chat_author_json(v_row.author),
            'created_at', public.chat_time(v_row.created_at)
        );
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.user_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- receipts ----------------------------------------------------------------------------------------------------------

create or replace function public.chat_receipt_json(p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'conversation_id', p_member.conversation_id, 'user_id', p_member.user_id,
        'read_seq', p_member.last_read_seq, 'delivered_seq', p_member.last_delivered_seq
    )
$$;

-- p_receipt: `{read_seq, delivered_seq, unread_from}`, each may be null. Pointers move forward, and never beyond the newest
-- message; what is read has been delivered. `unread_from` alone moves the read pointer back, before that message. It is
-- announced when one has moved: to the user's own devices alone when it moved back, and when the user shares no receipts.
create or replace function public.chat_update_receipt(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_receipt jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users;
    v_member public.user_conversation;
    v_conversation public.conversations;
    v_before public.user_conversation;
    v_own_alone boolean;
begin
    v_user := public.chat_require_user(p_user_id, p_issued_at);
    v_before := public.chat_get_member(p_conversation_id, p_user_id);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    if p_receipt ->> 'unread_from' is null then
        v_member := public.chat_move_pointers(
            v_conversation, v_before,
            -- `least` alone takes a null for no bound at all
            least(coalesce((p_receipt ->> 'read_seq')::bigint, 0), v_conversation.last_seq),
            least(coalesce((p_receipt ->> 'delivered_seq')::bigint, 0), v_conversation.last_seq)
        );
    else
        v_member := public.chat_mark_unread(v_conversation, v_before, (p_receipt ->> 'unread_from')::bigint);
    end if;
    if v_member.id is null then  -- nothing moved
        v_member := public.chat_get_member(p_conversation_id, p_user_id);  -- or removed in this moment
        return public.chat_change_json(false, v_conversation.audience_version, public.chat_receipt_json(v_member));
    end if;
    v_own_alone := p_receipt ->> 'unread_from' is not null or not v_user.share_receipts;
    return public.chat_change_json(
        true, v_conversation.audience_version, public.chat_receipt_json(v_member),
        json_build_array(public.chat_merge(
            json_build_object(
                'event', 'receipt', 'payload', public.chat_receipt_json(v_member),
                'age', array[v_member.marked_unread, v_member.last_read_seq, v_member.last_delivered_seq]
            ),
            case when v_own_alone then json_build_object('user_ids', array[p_user_id]) else '{"skips": "socket"}' end
        ))
    );
end $$;

-- Returns the member if a pointer has moved, else null.
create or replace function public.chat_move_pointers(
    p_conversation public.conversations, p_member public.user_conversation, p_read bigint, p_delivered bigint
) returns public.user_conversation
language plpgsql set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, p_read),
        last_delivered_seq = greatest(last_delivered_seq, p_delivered, p_read),
        read_system_count = case
            when last_read_seq < p_read then public.chat_count_system(p_conversation, p_read) else read_system_count
        end
    where id = p_member.id and (last_read_seq < p_read or last_delivered_seq < greatest(p_delivered, p_read))
    returning * into v_member;
    return v_member;
end $$;

create or replace function public.chat_mark_unread(
    p_conversation public.conversations, p_member public.user_conversation, p_from bigint
) returns public.user_conversation
language plpgsql set search_path = ''
as $$
declare
    -- never back to what does not exist for the member
    v_read bigint := greatest(p_from, public.chat_first_seq(p_conversation, p_member)) - 1;
    v_member public.user_conversation;
begin
    update public.user_conversation
    set last_read_seq = v_read, read_system_count = public.chat_count_system(p_conversation, v_read),
        marked_unread = marked_unread + 1
    where id = p_member.id and last_read_seq > v_read
    returning * into v_member;
    return v_member;
end $$;

-- How many of the messages up to a number are of type system; the message of that number may be gone.
create or replace function public.chat_count_system(p_conversation public.conversations, p_seq bigint) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    if p_conversation.system_count = 0 then
        return 0;
    end if;
    return coalesce(
        (select system_count from public.messages where conversation_id = p_conversation.id and seq = p_seq),
        (
            select system_count - (type = 'system')::integer from public.messages
            where conversation_id = p_conversation.id and seq > p_seq order by seq limit 1
        ),
        p_conversation.system_count
    );
end $$;

-- A page of the members' pointers after the user p_after. Who shares no receipts sees no others', and is seen by nobody.
create or replace function public.chat_list_receipts(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_after uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_member public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
begin
    if not v_user.share_receipts then
        return json_build_object(
            'info', json_build_object('next', null), 'items', json_build_array(public.chat_receipt_json(v_member))
        );
    end if;
    return (
        select json_build_object(
            'info', json_build_object('next', case
                when count(*) > p_limit then (json_agg(n.user_id order by n.place) filter (where n.place = p_limit)) ->> 0
            end),
            'items', coalesce(
                json_agg(public.chat_receipt_json(n.m) order by n.place) filter (where n.place <= p_limit), '[]'
            )
        )
        from (
            select m, m.user_id, row_number() over (order by m.user_id) as place
            from public.user_conversation as m
            where m.conversation_id = p_conversation_id and (p_after is null or m.user_id > p_after)
              and (select share_receipts from public.users where id = m.user_id)
            order by m.user_id limit p_limit + 1
        ) as n
    );
end $$;

create or replace function public.chat_list_unread(p_user_id uuid, p_issued_at double precision) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    return (
        select json_build_object(
            'total', coalesce(sum(public.chat_unread_count(c, m)), 0),
            'total_unmuted', coalesce(
                sum(public.chat_unread_count(c, m)) filter (where coalesce(m.muted_until, '-infinity') <= now()), 0
            ),
            'conversations', coalesce(json_object_agg(c.id, public.chat_unread_count(c, m)), '{}')
        )
        from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id and public.chat_unread_count(c, m) > 0
    );
end $$;


-- retention ---------------------------------------------------------------------------------------------------------

-- How many days the messages of a conversation are kept: the smaller of the server's and its own number, null for ever.
create or replace function public.chat_retention_days(p_conversation public.conversations, p_days integer) returns integer
language sql immutable
as $$ select least(p_conversation.retention_days, p_days) $$;

-- The next p_limit conversations after p_after that may hold messages of before their time: `{ids, last}`, last being null
-- after the last ones.
create or replace function public.chat_list_expired_conversations(p_days integer, p_after uuid, p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'ids', coalesce(json_agg(c.id order by c.id) filter (where exists (
                select from public.messages as m
                where m.conversation_id = c.id and m.seq = c.oldest_seq
                  and m.created_at < now() - make_interval(days => public.chat_retention_days(c, p_days))
            )), '[]'),
            'last', (array_agg(c.id order by c.id))[p_limit]
        )
        from (
            select * from public.conversations
            where (p_days is not null or retention_days is not null) and (p_after is null or id > p_after)
            order by id limit p_limit
        ) as c
    );
end $$;

-- Delete the messages of one conversation that are older than its retention: the oldest, p_limit at most, so that the
-- conversation is locked for a moment only. No version is raised: `oldest_seq` says it. Pointers that lie behind move up,
-- so that nothing that is gone counts as unread. Returns how many are deleted.
create or replace function public.chat_sweep_conversation(p_conversation_id uuid, p_days integer, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_since timestamptz;
    v_last bigint;      -- the newest number that goes
    v_systems bigint;   -- the system messages up to it
    v_deleted bigint;
begin
    select * into v_conversation from public.conversations where id = p_conversation_id for no key update;
    if not found then
        return to_json(0);
    end if;
    v_since := now() - make_interval(days => public.chat_retention_days(v_conversation, p_days));
    if v_since is null then  -- it keeps everything by now
        return to_json(0);
    end if;
    select coalesce(min(seq) filter (where created_at >= v_since) - 1, max(seq)) into v_last
    from (
        select seq, created_at from public.messages
        where conversation_id = p_conversation_id and seq >= v_conversation.oldest_seq
        order by seq limit p_limit
    ) as oldest;
    select system_count into v_systems from public.messages
    where conversation_id = p_conversation_id and seq = v_last and seq >= v_conversation.oldest_seq;
    if not found then
        return to_json(0);
    end if;
    update public.chat_attachments as a set state = 'dead'
    from public.messages as m
    where m.conversation_id = p_conversation_id and m.seq <= v_last and m.attachments is not null and a.message_id = m.id;
    delete from public.messages where conversation_id = p_conversation_id and seq <= v_last;
    get diagnostics v_deleted = row_count;
    update public.conversations set oldest_seq = v_last + 1 where id = p_conversation_id;
    update public.user_conversation
    set read_system_count = case when last_read_seq < v_last then v_systems else read_system_count end,
        last_read_seq = greatest(last_read_seq, v_last), last_delivered_seq = greatest(last_delivered_seq, v_last)
    where conversation_id = p_conversation_id and (last_read_seq < v_last or last_delivered_seq < v_last);
    return to_json(v_deleted);
end $$;


-- scheduled ---------------------------------------------------------------------------------------------------------

-- A message to send later: a row with its draft, and a job that names the row and its time. Another time is another job;
-- one whose time is not the row's any longer does nothing. The clock of the database decides.

create or replace function public.chat_scheduled_json(p_scheduled public.chat_scheduled) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_scheduled.id, 'conversation_id', p_scheduled.conversation_id, 'user_id', p_scheduled.user_id,
        'message', coalesce(p_scheduled.draft ->> 'message', ''), 'client_id', p_scheduled.draft -> 'client_id',
        'reply_to', p_scheduled.draft -> 'reply_to', 'thread_id', p_scheduled.draft -> 'thread_id',
        'mentions', coalesce(nullif(p_scheduled.draft -> 'mentions', 'null'), '[]'),
        'attachments', coalesce(nullif(p_scheduled.draft -> 'attachments', 'null'), '[]'),
        'custom', coalesce(nullif(p_scheduled.draft -> 'custom', 'null'), '{}'),
        'send_at', public.chat_time(p_scheduled.send_at), 'created_at', public.chat_time(p_scheduled.created_at),
        'failed', p_scheduled.failed
    )
$$;

-- Raises 422 for a time that is past, or more than a year ahead.
create or replace function public.chat_check_send_at(p_send_at timestamptz) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if p_send_at not between clock_timestamp() and clock_timestamp() + interval '1 year' then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"send_at": ["Must be a time to come, within a year."]}';
    end if;
end $$;

-- Raises 404 for messages that a draft answers and its sender cannot see, and what chat_lock_own_attachments raises.
create or replace function public.chat_check_draft(p_draft jsonb, p_member public.user_conversation) returns void
language plpgsql set search_path = ''
as $$
begin
    if p_draft ->> 'reply_to' is not null then
        perform public.chat_find_message((p_draft ->> 'reply_to')::uuid, p_member);
    end if;
    if p_draft ->> 'thread_id' is not null then
        perform public.chat_find_root((p_draft ->> 'thread_id')::uuid, p_member);
    end if;
    perform public.chat_lock_own_attachments(
        array(select id::uuid from jsonb_array_elements_text(nullif(p_draft -> 'attachments', 'null')) as id), p_member.user_id
    );
end $$;

create or replace function public.chat_send_job_key(p_scheduled public.chat_scheduled) returns text
language sql immutable
as $$ select 'send_scheduled ' || p_scheduled.id || ' ' || extract(epoch from p_scheduled.send_at) $$;

create or replace function public.chat_add_send_job(p_scheduled public.chat_scheduled) returns void
language sql
as $$
    select public.chat_add_job(
        'send_scheduled',
        jsonb_build_object('id', p_scheduled.id, 'user_id', p_scheduled.user_id,
                           'conversation_id', p_scheduled.conversation_id, 'send_at', p_scheduled.send_at),
        public.chat_send_job_key(p_scheduled), p_scheduled.send_at
    )
$$;

-- The job of a time that is none any more: it would wait for up to a year, and do nothing.
create or replace function public.chat_drop_send_job(p_scheduled public.chat_scheduled) returns void
language sql
as $$ delete from public.chat_jobs where key = public.chat_send_job_key(p_scheduled) and state = 'waiting' $$;

-- Schedule a draft for p_send_at. Repeated with the same client_id it is scheduled once.
create or replace function public.chat_schedule_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb, p_send_at timestamptz
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_scheduled public.chat_scheduled;
begin
    select * into v_scheduled from public.chat_scheduled
    where user_id = p_user_id and conversation_id = p_conversation_id and draft ->> 'client_id' = p_draft ->> 'client_id';
    if found then
        return public.chat_scheduled_json(v_scheduled);
    end if;
    perform public.chat_check_send_at(p_send_at);
    perform public.chat_check_draft(p_draft, v_member);
    if (select count(*) from public.chat_scheduled where user_id = p_user_id) >= 1000 then
        raise exception using errcode = 'PT409', message = 'too_many_scheduled';
    end if;
    insert into public.chat_scheduled (conversation_id, user_id, draft, send_at)
    values (p_conversation_id, p_user_id, p_draft, p_send_at)
    on conflict (user_id, conversation_id, (draft ->> 'client_id')) do nothing
    returning * into v_scheduled;
    if not found then  -- scheduled by the same request, sent twice, in this moment
        select * into v_scheduled from public.chat_scheduled
        where user_id = p_user_id and conversation_id = p_conversation_id and draft ->> 'client_id' = p_draft ->> 'client_id';
        return public.chat_scheduled_json(v_scheduled);
    end if;
    perform public.chat_add_send_job(v_scheduled);
    return public.chat_scheduled_json(v_scheduled);
end $$;

-- A page of what the user has scheduled, the soonest first; p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_scheduled(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row public.chat_scheduled;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select * from public.chat_scheduled
        where user_id = p_user_id and (send_at, id) > (
            coalesce(p_before_at, '-infinity'), coalesce(p_before_id, '00000000-0000-0000-0000-000000000000')
        )
        order by send_at, id limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_scheduled_json(v_row);
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.send_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;

-- The user's own scheduled message, locked: what is being sent at this moment is gone once it has been.
create or replace function public.chat_lock_scheduled(
    p_scheduled_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.chat_scheduled
language plpgsql set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_scheduled from public.chat_scheduled where id = p_scheduled_id and user_id = p_user_id for update;
    if not found then
        raise exception using errcode = 'PT404', message = 'scheduled_not_found';
    end if;
    return v_scheduled;
end $$;

-- A draft with the fields that p_changes has; custom is merged, as in an edit. Raises 422 when nothing is left of it, or custom
-- has grown too large.
create or replace function public.chat_changed_draft(p_draft jsonb, p_changes jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_draft jsonb := p_draft || p_changes;
begin
    if p_changes ? 'custom' then
        v_draft := v_draft || jsonb_build_object(
            'custom', public.chat_merge_custom(p_draft -> 'custom', p_changes -> 'custom')
        );
    end if;
    if coalesce(v_draft ->> 'message', '') = '' and coalesce(nullif(v_draft -> 'attachments', 'null'), '[]') = '[]' then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"attachments": ["A message without text needs one."]}';
    end if;
    return v_draft;
end $$;

-- Change the fields of a draft that p_changes has, and its time unless p_send_at is null. One that failed is tried again
-- only at another time.
create or replace function public.chat_update_scheduled(
    p_user_id uuid, p_issued_at double precision, p_scheduled_id uuid, p_changes jsonb, p_send_at timestamptz
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled := public.chat_lock_scheduled(p_scheduled_id, p_user_id, p_issued_at);
begin
    if p_send_at is not null then
        perform public.chat_check_send_at(p_send_at);
        perform public.chat_drop_send_job(v_scheduled);
    end if;
    perform public.chat_check_draft(p_changes, public.chat_get_member(v_scheduled.conversation_id, p_user_id));
    update public.chat_scheduled
    set draft = public.chat_changed_draft(draft, p_changes), send_at = coalesce(p_send_at, send_at),
        failed = case when p_send_at is null then failed end
    where id = p_scheduled_id returning * into v_scheduled;
    if p_send_at is not null then
        perform public.chat_add_send_job(v_scheduled);
    end if;
    return public.chat_scheduled_json(v_scheduled);
end $$;

create or replace function public.chat_delete_scheduled(
    p_user_id uuid, p_issued_at double precision, p_scheduled_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled := public.chat_lock_scheduled(p_scheduled_id, p_user_id, p_issued_at);
begin
    delete from public.chat_scheduled where id = p_scheduled_id;
    perform public.chat_drop_send_job(v_scheduled);
    return public.chat_scheduled_json(v_scheduled);
end $$;

-- Send a scheduled message, whose time was p_send_at: as its sender would at this moment, once, and everyone's sessions hear
-- of it. What forbids it is told to the sender, who keeps the draft; where slow mode does, it is sent later.
-- Nothing happens when it is gone, or its time has changed.
create or replace function public.chat_send_scheduled(p_scheduled_id uuid, p_send_at timestamptz) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled;
    v_change json;
    v_code text;
    v_hint text;
begin
    -- The conversation first, as deleting it does.
    perform from public.conversations
    where id = (select conversation_id from public.chat_scheduled where id = p_scheduled_id) for no key update;
    select * into v_scheduled from public.chat_scheduled
    where id = p_scheduled_id and send_at = p_send_at and failed is null for update;
    if not found then
        return public.chat_change_json(false, 0, '{}');
    end if;
    begin
        v_change := public.chat_send_message(
            v_scheduled.user_id, null, v_scheduled.conversation_id,
            v_scheduled.draft || jsonb_build_object('client_id', coalesce(v_scheduled.draft ->> 'client_id', v_scheduled.id::text))
        );
        delete from public.chat_scheduled where id = p_scheduled_id;
        return public.chat_change_json(
            (v_change ->> 'announce')::boolean, (v_change ->> 'audience_version')::bigint, v_change -> 'result',
            json_build_array(json_build_object(
                'event', 'message', 'skips', 'nobody',
                'payload', coalesce(v_change #> '{events,0,payload}', v_change -> 'result')
            ))
        );
    exception when others then
        if sqlstate not like 'PT%' then
            raise;
        end if;
        get stacked diagnostics v_code = message_text, v_hint = pg_exception_hint;
    end;
    if v_code = 'slow_mode' then
        update public.chat_scheduled set send_at = clock_timestamp() + make_interval(secs => v_hint::integer)
        where id = p_scheduled_id returning * into v_scheduled;
        perform public.chat_add_send_job(v_scheduled);
        return public.chat_change_json(false, 0, '{}');
    end if;
    update public.chat_scheduled set failed = v_code where id = p_scheduled_id;
    return public.chat_change_json(
        true, (select audience_version from public.conversations where id = v_scheduled.conversation_id), '{}',
        json_build_array(json_build_object(
            'event', 'scheduledFailed', 'user_ids', json_build_array(v_scheduled.user_id),
            'payload', json_build_object(
                'id', v_scheduled.id, 'conversation_id', v_scheduled.conversation_id, 'code', v_code
            )
        ))
    );
end $$;


-- schema ------------------------------------------------------------------------------------------------------------

-- Everything the server needs to know of the schema at its start: `{version, functions_hash, oldest_code}`.
create or replace function public.chat_get_schema() returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object('version', version, 'functions_hash', functions_hash, 'oldest_code', oldest_code)
    from public.chat_schema
$$;

-- One form for every time: UTC with offset, always six digits, whatever the session's time zone.
create or replace function public.chat_time(p_time timestamptz) returns text
language sql stable
as $$ select to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') $$;

-- The keys of one JSON object, then those of another; as text, so that they keep their order.
create or replace function public.chat_merge(p_first json, p_second json) returns json
language sql immutable
as $$ select (left(p_first::text, -1) || ', ' || substr(p_second::text, 2))::json $$;

-- Where an answer of many things ends: messages may be long, and a client that was away for long asks for many.
create or replace function public.chat_page_bytes() returns integer
language sql immutable
as $$ select 2 * 1024 * 1024 $$;

-- What every write returns: whether others must hear of it, the version of the conversation's members at that moment,
-- and the result as its caller gets it, which is also the event.
create or replace function public.chat_change_json(p_announce boolean, p_audience_version bigint, p_result json) returns json
language sql immutable
as $$
    select json_build_object('announce', p_announce, 'audience_version', p_audience_version, 'result', p_result)
$$;

-- The same where events differ from the result, or are several: `[{event, payload, …}]`, see `Announcement`.
create or replace function public.chat_change_json(
    p_announce boolean, p_audience_version bigint, p_result json, p_events json
) returns json
language sql immutable
as $$
    select json_build_object(
        'announce', p_announce, 'audience_version', p_audience_version, 'result', p_result, 'events', p_events
    )
$$;


-- search ------------------------------------------------------------------------------------------------------------

-- What a query asks for. `words`: all of them, the last one as the beginning of a word. `indexed`: what of it the index is
-- asked, null where it would read too much. `needles`: what the text in lower case holds. `pattern`: what is marked.
create or replace function public.chat_parse_search(
    p_query text, out words tsquery, out indexed tsquery, out needles text[], out pattern text
)
language plpgsql immutable set search_path = ''
as $$
declare
    v_runs text[] := array(
        select run[1] from regexp_matches(lower(p_query), '(' || public.chat_unspaced() || '+)', 'g') as run
    );
begin
    -- A beginning of one or two letters is that of a thousand words.
    select string_agg(term, ' & ' order by place)::tsquery,
           string_agg(term, ' & ' order by place) filter (where is_whole or length(lexeme) > 2)::tsquery,
           array_agg(lexeme) filter (where not is_unspaced) || v_runs,
           concat_ws('|', string_agg(
               '\m' || lexeme || case when is_whole then '\M' else '\w*' end, '|'
           ) filter (where not is_unspaced), nullif(array_to_string(v_runs, '|'), ''))
    into words, indexed, needles, pattern
    from (
        select lexeme, place, is_unspaced, is_whole, quote_literal(lexeme) || case when is_whole then '' else ':*' end as term
        from (
            select each.lexeme, each.place, each.is_unspaced, each.is_unspaced or each.place < max(each.place) over () as is_whole
            from (
                select lexeme, positions[cardinality(positions)] as place, lexeme ~ public.chat_unspaced() as is_unspaced
                from unnest(public.chat_search_vector(p_query))
            ) as each
        ) as told
    ) as terms;
    if words is null then  -- signs alone: no index knows them
        needles := array[lower(btrim(p_query))];
        pattern := regexp_replace(btrim(p_query), '([^[:alnum:]\s])', '\\\1', 'g');
    end if;
end $$;

-- Whether a text fits a query: first what costs least.
create or replace function public.chat_is_hit(p_text text, p_needles text[], p_words tsquery) returns boolean
language plpgsql immutable cost 100
as $$
declare
    v_text text := lower(p_text);
    v_needle text;
begin
    foreach v_needle in array p_needles loop
        if strpos(v_text, v_needle) = 0 then
            return false;
        end if;
    end loop;
    return coalesce(public.chat_search_vector(p_text) @@ p_words, true);
end $$;

-- A text with the hits in <mark>, everything else escaped for HTML; of a long text 300 characters around the first hit.
create or replace function public.chat_highlight(p_text text, p_pattern text) returns text
language plpgsql immutable set search_path = ''
as $$
declare
    v_text text := translate(p_text, E'\x01\x02', '');
    v_at integer := regexp_instr(v_text, p_pattern, 1, 1, 0, 'i');
    v_start integer := 1;
begin
    if v_at = 0 then  -- the database does not know the letters of this script: then no bounds of words
        p_pattern := regexp_replace(p_pattern, '\\([mM]|w\*)', '', 'g');
        v_at := regexp_instr(v_text, p_pattern, 1, 1, 0, 'i');
    end if;
    if length(v_text) > 300 then
        v_start := greatest(least(v_at - 100, length(v_text) - 299), 1);
    end if;
    v_text := case when v_start > 1 then '…' else '' end || substr(v_text, v_start, 300)
              || case when v_start + 300 <= length(v_text) then '…' else '' end;
    v_text := regexp_replace(v_text, '(' || p_pattern || ')', E'\x01\\1\x02', 'gi');
    v_text := replace(replace(replace(replace(replace(
        v_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
    return replace(replace(v_text, E'\x01', '<mark>'), E'\x02', '</mark>');
end $$;


-- send_batches ------------------------------------------------------------------------------------------------------

-- Send many messages that are nothing but text, of whatever conversations, in one go. p_sends: `[{user_id, issued_at, conversation_id, message,
-- client_id}]`, no two of one sender with the same client_id in one conversation. Returns for each, in their order, what
-- chat_send_message returns, or `{status, code, detail}` for what it raises: a bad send does not fail its neighbours. Null
-- for one in a conversation with rules that single sends check: nothing was done, send it alone.
create or replace function public.chat_send_messages(p_sends jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_results json;
begin
    -- In one order, so that two batches never wait for each other in a circle.
    perform from public.conversations
    where id = any(array(select (send ->> 'conversation_id')::uuid from jsonb_array_elements(p_sends) as send))
    order by id
    for no key update;
    with sends as (
        select * from rows from (
            jsonb_to_recordset(p_sends)
            as (user_id uuid, issued_at double precision, conversation_id uuid, message text, client_id text)
        ) with ordinality as send (user_id, issued_at, conversation_id, message, client_id, place)
    ), checked as (
        select s.*, a.author, r.repeated, v.conversation, case
            when (a.author).id is null or (a.author).erased_at is not null then 'user_not_found'
            when to_timestamp(s.issued_at) < (a.author).tokens_valid_from then 'token_invalid'
            when b.is_member is null then 'conversation_not_found'
            when (r.repeated).id is not null then null
            when (v.conversation).type = 'direct' and public.chat_is_blocked(s.conversation_id, s.user_id) then 'blocked'
            when (v.conversation).frozen or (v.conversation).slow_mode_seconds > 0 then 'send_alone'
        end as code
        from sends as s
        -- `limit 1`: looked up one by one, however many rows the planner expects
        left join lateral (select u as author from public.users as u where u.id = s.user_id limit 1) as a on true
        left join lateral (
            select true as is_member from public.user_conversation as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id limit 1
        ) as b on true
        left join lateral (
            select m as repeated from public.messages as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id and m.client_id = s.client_id limit 1
        ) as r on s.client_id is not null
        left join lateral (
            select c as conversation from public.conversations as c where c.id = s.conversation_id limit 1
        ) as v on true
    ), numbered as (
        select conversation_id, user_id, message, client_id, place,
               row_number() over (partition by conversation_id order by place) as number,
               count(*) over (partition by conversation_id) as total
        from checked where code is null and (repeated).id is null
    ), advanced as (
        update public.conversations as c
        set version = c.version + n.total,
            last_seq = c.last_seq + n.total,
            last_activity_at = greatest(clock_timestamp(), c.last_activity_at + n.total * interval '1 microsecond')
        from (select conversation_id, total from numbered where number = 1) as n
        where c.id = n.conversation_id
        returning c as conversation
    ), inserted as (
        insert into public.messages as m (
            conversation_id, user_id, message, client_id, seq, version, created_at, system_count
        )
        select n.conversation_id, n.user_id, n.message, n.client_id,
               (conversation).last_seq - n.total + n.number, (conversation).version - n.total + n.number,
               (conversation).last_activity_at - (n.total - n.number) * interval '1 microsecond',
               (conversation).system_count
        from numbered as n join advanced on (conversation).id = n.conversation_id
        returning m as message
    ), pointers as (
        update public.user_conversation as m
        set last_read_seq = i.seq, last_delivered_seq = i.seq, read_system_count = i.system_count, last_sent_at = i.at
        from (
            select (message).conversation_id, (message).user_id, max((message).seq) as seq,
                   max((message).system_count) as system_count, max((message).created_at) as at
            from inserted group by 1, 2
        ) as i
        where m.conversation_id = i.conversation_id and m.user_id = i.user_id
    ), sent as (
        select n.place, i.message
        from numbered as n
        join advanced as a on (a.conversation).id = n.conversation_id
        join inserted as i on (i.message).conversation_id = n.conversation_id
            and (i.message).seq = (a.conversation).last_seq - n.total + n.number
    )
    select json_agg(case
        when c.code = 'send_alone' then null
        when c.code is not null then json_build_object(
            'status', case c.code when 'token_invalid' then 401 when 'blocked' then 403 else 404 end, 'code', c.code,
            'detail', case c.code when 'token_invalid' then 'The token has been revoked.' end
        )
        when (c.repeated).id is not null then public.chat_repeated_send_json(
            c.repeated, c.author, c.conversation, public.chat_get_member(c.conversation_id, c.user_id)
        )
        else public.chat_change_json(
            true, (c.conversation).audience_version, public.chat_sent_message_json(s.message, c.author, c.conversation, null)
        )
    end order by c.place) into v_results
    from checked as c left join sent as s on s.place = c.place;
    return v_results;
end $$;


-- sends -------------------------------------------------------------------------------------------------------------

-- p_draft: `{message, client_id, reply_to?, thread_id?, attachments?, mentions?, custom?}`. A send with a client_id
-- happens once: the repeated one gets the message of the first. While that is younger than a minute it is announced
-- again: nobody may have heard of it, if its answer was lost.
create or replace function public.chat_send_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_author public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_message public.messages;
    v_sent json;
begin
    if p_draft ->> 'client_id' is not null then
        select * into v_message from public.messages
        where conversation_id = p_conversation_id and user_id = p_user_id and client_id = p_draft ->> 'client_id';
        if found then
            return public.chat_tell_sender(p_draft, public.chat_repeated_send_json(
                v_message, v_author, v_conversation, public.chat_get_member(p_conversation_id, p_user_id)
            ));
        end if;
    end if;
    perform public.chat_check_send(v_conversation, p_user_id);
    v_message := public.chat_store_message(v_conversation, p_user_id, p_draft);
    v_sent := public.chat_sent_message_json(v_message, v_author, v_conversation, null);
    return public.chat_tell_sender(p_draft, public.chat_change_json(true, v_conversation.audience_version, v_sent));
end $$;

-- The change of a send or an edit, with what its author alone learns: whom the draft mentions in vain, since they are no members.
create or replace function public.chat_tell_sender(p_draft jsonb, p_change json) returns json
language plpgsql immutable set search_path = ''
as $$
declare
    v_named uuid[] := public.chat_named(p_draft);
    v_message json := p_change -> 'result';
begin
    if v_named is not null then
        v_named := array(
            select id from unnest(v_named) as id
            where not (v_message -> 'mentions')::jsonb ? id::text order by id
        );
    end if;
    if coalesce(cardinality(v_named), 0) = 0 then
        return p_change;
    end if;
    return public.chat_change_json(
        (p_change ->> 'announce')::boolean, (p_change ->> 'audience_version')::bigint,
        public.chat_merge(v_message, json_build_object('mentions_not_members', v_named)),
        coalesce(p_change -> 'events', json_build_array(json_build_object('event', 'message', 'payload', v_message)))
    );
end $$;

-- Raises what forbids a member to send in a locked conversation at this moment: 403 frozen or blocked, 429 slow_mode.
create or replace function public.chat_check_send(p_conversation public.conversations, p_user_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
    v_wait double precision;
begin
    if p_conversation.type = 'direct' and public.chat_is_blocked(p_conversation.id, p_user_id) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    if not p_conversation.frozen and p_conversation.slow_mode_seconds = 0 then
        return;
    end if;
    select * into v_member from public.user_conversation
    where conversation_id = p_conversation.id and user_id = p_user_id;
    if public.chat_role(p_conversation, v_member) <> 'member' then
        return;
    end if;
    if p_conversation.frozen then
        raise exception using errcode = 'PT403', message = 'frozen';
    end if;
    v_wait := extract(epoch from v_member.last_sent_at - clock_timestamp()) + p_conversation.slow_mode_seconds;
    if v_wait > 0 then
        raise exception using errcode = 'PT429', message = 'slow_mode',
            detail = 'Wait ' || ceil(v_wait) || ' s before the next message.', hint = ceil(v_wait);
    end if;
end $$;

-- Whether one of the two people of a direct conversation has blocked the other.
create or replace function public.chat_is_blocked(p_conversation_id uuid, p_user_id uuid) returns boolean
language sql stable
as $$
    select exists (
        select from public.user_conversation as m join public.chat_blocks as b
            on (b.user_id, b.blocked_user_id) in ((m.user_id, p_user_id), (p_user_id, m.user_id))
        where m.conversation_id = p_conversation_id and m.user_id <> p_user_id
    )
$$;

-- Store a message in a locked conversation: with its number and version, the sender's pointers, its thread and mentions.
-- Raises 404 message_not_found for a message it answers that the sender cannot see.
create or replace function public.chat_store_message(
    p_conversation public.conversations, p_user_id uuid, p_draft jsonb
) returns public.messages
language plpgsql set search_path = ''
as $$
declare
    v_next public.conversations := public.chat_next_version(p_conversation.id, 1, false);
    v_member public.user_conversation;
    v_message public.messages;
    v_root public.messages;
begin
    update public.user_conversation
    set last_read_seq = v_next.last_seq, last_delivered_seq = v_next.last_seq,
        read_system_count = v_next.system_count, last_sent_at = v_next.last_activity_at
    where conversation_id = p_conversation.id and user_id = p_user_id
    returning * into v_member;
    if p_draft ->> 'reply_to' is not null then
        perform public.chat_find_message((p_draft ->> 'reply_to')::uuid, v_member);
    end if;
    if p_draft ->> 'thread_id' is not null then
        v_root := public.chat_find_root((p_draft ->> 'thread_id')::uuid, v_member);
    end if;
    insert into public.messages (
        conversation_id, user_id, message, client_id, seq, version, created_at, system_count,
        reply_to, thread_id, mentions, custom
    )
    values (
        p_conversation.id, p_user_id, p_draft ->> 'message', p_draft ->> 'client_id', v_next.last_seq, v_next.version,
        v_next.last_activity_at, v_next.system_count, (p_draft ->> 'reply_to')::uuid, v_root.id,
        public.chat_mentioned(p_conversation.id, p_draft), nullif(p_draft -> 'custom', '{}')
    )
    returning * into v_message;
    v_message := public.chat_attach(v_message, p_draft);
    if v_root.id is not null then
        perform public.chat_add_reply(v_root, v_message);
    end if;
    if v_message.mentions is not null then
        perform public.chat_note_mentions(v_message);
    end if;
    return v_message;
end $$;

-- p_conversation is shown as it was when the message was new: who repeats a send knows no later one. `thread` is what
-- its root has become, null for a message of no thread.
create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_message_json(p_message, p_author, p_member),
        json_build_object(
            'thread', case
                when p_message.thread_id is not null
                     and coalesce(public.chat_root_seq(p_message) >= p_member.history_from, true)
                then public.chat_thread_json(p_message.thread_id)
            end,
            'conversations', json_build_object(
                'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
                'created_at', public.chat_time(p_conversation.created_at),
                'version', p_message.version, 'last_seq', p_message.seq
            )
        )
    )
$$;

-- What a repeated send gets. A message of before the sender left and was added again shows nothing else of that time, and
-- nobody hears of it again; nor of a deleted one.
create or replace function public.chat_repeated_send_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations,
    p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_change_json(
        p_message.created_at > clock_timestamp() - interval '1 minute' and p_message.deleted_at is null
        and p_message.seq >= p_member.history_from,
        p_conversation.audience_version,
        public.chat_sent_message_json(
            p_message, p_author, p_conversation, case when p_message.seq < p_member.history_from then p_member end
        )
    )
$$;


-- sync --------------------------------------------------------------------------------------------------------------

-- Names the history of this database: a cursor of another one, or from before a restore, has another epoch. The timeline
-- is read from the log: after a failover the control file says the old one until the next checkpoint.
create or replace function public.chat_epoch() returns text
language plpgsql stable set search_path = ''
as $$
begin
    return left(encode(sha256(convert_to(concat_ws(' ',
        (select system_identifier from pg_control_system()),
        case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end,
        (select oid from pg_database where datname = current_database()),
        'public.conversations'::regclass::oid
    ), 'UTF8')), 'hex'), 12);
end $$;

-- Whether a row was changed by transaction p_from or a later one. A transaction from the future is one of before a
-- restore: such a row has not changed since.
create or replace function public.chat_changed_since(p_changed_in xid8, p_from xid8, p_snapshot pg_snapshot) returns boolean
language sql immutable
as $$ select coalesce(p_changed_in >= p_from and p_changed_in < pg_snapshot_xmax(p_snapshot), false) $$;

-- A cursor is `epoch.from`: what transaction `from` and later ones changed is not known yet. With `.to.at.id` it is in the
-- middle of a walk, after the conversation made at that time (microseconds) with that id; the next walk begins at `to`. All
-- is null for a cursor that this database did not make.
create or replace function public.chat_parse_cursor(
    p_cursor text, p_snapshot pg_snapshot, out from_xid xid8, out to_xid xid8, out after_at timestamptz, out after_id uuid
)
language plpgsql stable set search_path = ''
as $$
declare
    v_parts text[] := string_to_array(p_cursor, '.');
begin
    if v_parts[1] <> public.chat_epoch()
       or p_cursor !~ '^[0-9a-f]+[.][0-9]{1,18}([.][0-9]{1,18}[.]-?[0-9]{1,17}[.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$'
    then
        return;
    end if;
    if greatest(v_parts[2]::xid8, v_parts[3]::xid8) > pg_snapshot_xmax(p_snapshot) then
        return;  -- from the future: of before a restore
    end if;
    from_xid := v_parts[2]::xid8;
    to_xid := v_parts[3]::xid8;
    after_at := to_timestamp(0) + v_parts[4]::bigint * interval '1 microsecond';
    after_id := v_parts[5]::uuid;
end $$;

-- The newest version of a conversation that was known before transaction p_from, as far as its messages go: versions
-- follow the commits, so everything below one that was known is known. 0 where more than p_limit messages are newer.
create or replace function public.chat_known_version(
    p_conversation_id uuid, p_from xid8, p_snapshot pg_snapshot, p_limit integer
) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select coalesce(max(version) filter (where not public.chat_changed_since(changed_in, p_from, p_snapshot)), 0)
        from (
            select version, changed_in from public.messages where conversation_id = p_conversation_id
            order by version desc limit p_limit + 1
        ) as newest
    );
end $$;

-- Everything that has changed in the user's conversations since the versions in p_since ({conversation_id: version}), or
-- since the answer that gave p_cursor; the newest conversation first: an order in which nothing moves while a client walks
-- through it, so that none is passed over. A changed conversation comes whole, with the
-- messages changed since; more than p_limit of them, or a version from another history, and it starts afresh:
-- recovered = false, the newest page. One that p_since knows, or in which only the user's own pointers have moved since
-- p_cursor, is a summary. At most 50 come whole, and the answer ends after two mebibytes; has_more says that the cursor
-- brings more. A cursor that is of no use starts everything afresh: reset.
create or replace function public.chat_sync(
    p_user_id uuid, p_issued_at double precision, p_since jsonb, p_cursor text, p_limit integer
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_snapshot pg_snapshot := pg_current_snapshot();
    v_cursor record;
    v_from xid8;
    v_to xid8;
    v_row record;
    v_is_walk boolean;  -- through everything: nothing is known
    v_known bigint;
    v_is_short boolean;
    v_is_full boolean;
    v_item json;
    v_items json[] := '{}';
    v_mine uuid[] := '{}';
    v_whole integer := 0;
    v_bytes bigint := 0;
    v_passed text;   -- the place of the last conversation that needs no other answer
    v_more text;     -- the same, once there is one that does
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_cursor from public.chat_parse_cursor(p_cursor, v_snapshot);
    v_from := coalesce(v_cursor.from_xid, '0');
    v_to := coalesce(v_cursor.to_xid, pg_snapshot_xmin(v_snapshot));
    v_is_walk := v_from = '0' and coalesce(p_since, '{}') = '{}';
    for v_row in
        select c, m, c.id, c.version, m.joined_version, (p_since ->> c.id::text)::bigint as since,
               (extract(epoch from c.created_at) * 1000000)::bigint || '.' || c.id as place,
               public.chat_changed_since(c.changed_in, v_from, v_snapshot) as is_changed,
               public.chat_changed_since(m.joined_in, v_from, v_snapshot) as is_new
        from public.user_conversation as m
        join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id
          and (v_cursor.after_id is null or (c.created_at, c.id) < (v_cursor.after_at, v_cursor.after_id))
          and (v_from = '0' or public.chat_changed_since(c.changed_in, v_from, v_snapshot)
               or public.chat_changed_since(m.changed_in, v_from, v_snapshot))
        order by c.created_at desc, c.id desc
        limit case when v_is_walk then 51 end  -- they all come whole, and no more of ten thousand need be sorted
    loop
        v_mine := v_mine || v_row.id;
        v_is_short := coalesce(v_row.since = v_row.version, false)
                      or (v_from > '0' and not v_row.is_changed and not v_row.is_new);
        v_is_full := v_bytes > public.chat_page_bytes();
        if v_is_full or (v_whole = 50 and not v_is_short) then
            v_more := coalesce(v_more, v_passed);
            exit when coalesce(p_since, '{}') = '{}';
            continue;  -- those that p_since knows are short, and do come while there is room
        end if;
        if v_is_short then
            v_item := public.chat_unchanged_conversation_json(v_row.c, v_row.m);
        else
            v_known := case
                -- whatever is known of it is from before the user was added (again): it starts afresh
                when v_row.is_new and v_from > '0' or v_row.since < v_row.joined_version then -1
                when v_from = '0' then coalesce(v_row.since, 0)
                else public.chat_known_version(v_row.id, v_from, v_snapshot, p_limit)
            end;
            v_item := public.chat_changed_conversation_json(v_row.c, v_row.m, v_known, p_limit);
            v_whole := v_whole + 1;
        end if;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_items := v_items || v_item;
        v_passed := v_row.place;
    end loop;
    return json_build_object(
        'conversations', array_to_json(v_items),
        'removed', (
            select coalesce(json_agg(gone.id), '[]')
            from (
                select id::uuid from jsonb_object_keys(p_since) as known (id) except select unnest(v_mine)
                union
                select f.conversation_id from public.chat_former_members as f
                where f.user_id = p_user_id and v_from > '0' and v_cursor.after_id is null
                  and public.chat_changed_since(f.changed_in, v_from, v_snapshot)
                  and not exists (
                      select from public.user_conversation as m
                      where m.conversation_id = f.conversation_id and m.user_id = p_user_id
                  )
            ) as gone (id)
        ),
        'cursor', public.chat_epoch() || '.' || case when v_more is null then v_to::text else concat_ws('.', v_from, v_to, v_more) end,
        'has_more', v_more is not null,
        'reset', p_cursor is not null and v_cursor.from_xid is null
    );
end $$;


-- sync_answers ------------------------------------------------------------------------------------------------------

create or replace function public.chat_unchanged_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object(
            'id', p_conversation.id, 'version', p_conversation.version, 'last_seq', p_conversation.last_seq,
            'oldest_seq', p_conversation.oldest_seq
        ),
        public.chat_own_json(p_conversation, p_member)
    )
$$;

-- p_since: the version that is known, 0 for none, -1 for none that is of use.
create or replace function public.chat_changed_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_since bigint, p_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_messages json;
    v_recovered boolean;
begin
    v_recovered := p_since between 0 and p_conversation.version and p_limit >= (
        select count(*) from (
            select from public.messages where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit + 1
        ) as changed
    );
    if v_recovered then
        select coalesce(json_agg(public.chat_message_json(changed.m, a.author, p_member) order by (changed.m).seq), '[]') into v_messages
        from (
            select m from public.messages as m
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit
        ) as changed
        cross join lateral (select u as author from public.users as u where u.id = (changed.m).user_id limit 1) as a
        where (changed.m).seq >= p_member.history_from;
        v_recovered := octet_length(v_messages::text) <= public.chat_page_bytes() / 2;
    end if;
    if not v_recovered then
        v_messages := public.chat_newest_messages_json(p_conversation, p_member, p_limit);
    end if;
    return public.chat_merge(
        public.chat_member_conversation_json(p_conversation, p_member, v_messages),
        json_build_object('recovered', v_recovered)
    );
end $$;


-- system_messages ---------------------------------------------------------------------------------------------------

-- What a system message says, in English. It holds ids; the names are those of the moment at which it is read.
create or replace function public.chat_system_text(p_message public.messages, p_author public.users) returns text
language plpgsql stable set search_path = ''
as $$
declare
    v_custom jsonb := p_message.custom;
begin
    return p_author.username || case v_custom ->> 'event'
        when 'member_added' then ' added ' || public.chat_name_people(v_custom)
        when 'member_removed' then ' removed ' || public.chat_name_people(v_custom)
        when 'member_joined' then ' joined'
        when 'member_left' then ' left'
        when 'renamed' then ' renamed the conversation to "' || (v_custom ->> 'name') || '"'
        else ' changed the conversation'
    end || '.';
end $$;

-- The people of a system message: `ann, bob, cid and 7 others`.
create or replace function public.chat_name_people(p_custom jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
    v_names text[] := array(
        select u.username
        from jsonb_array_elements_text(p_custom -> 'user_ids') with ordinality as listed (id, place)
        join public.users as u on u.id = listed.id::uuid
        where listed.place <= 3 order by listed.place
    );
    v_others bigint := (p_custom ->> 'count')::bigint - cardinality(v_names);
begin
    return concat_ws(
        ' and ', nullif(array_to_string(v_names, ', '), ''),
        case when v_others = 1 then '1 other' when v_others > 1 then v_others || ' others' end
    );
end $$;

-- What a system message keeps of the people it is about: the first 100 of them, and how many they are.
create or replace function public.chat_people_json(p_event text, p_user_ids uuid[]) returns jsonb
language sql immutable
as $$
    select jsonb_build_object('event', p_event, 'user_ids', p_user_ids[:100], 'count', cardinality(p_user_ids))
$$;

-- Store a system message in a locked conversation, where they are wanted, and return the events of that: one or none. It
-- takes the next version and number, and is unread for nobody.
create or replace function public.chat_add_system_message(
    p_is_wanted boolean, p_conversation_id uuid, p_actor public.users, p_custom jsonb
) returns json[]
language plpgsql set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_message public.messages;
begin
    if not p_is_wanted then
        return '{}';
    end if;
    v_conversation := public.chat_next_version(p_conversation_id, 1, false);
    update public.conversations set system_count = system_count + 1 where id = p_conversation_id
    returning * into v_conversation;
    insert into public.messages (
        conversation_id, user_id, type, message, seq, version, created_at, system_count, custom
    )
    values (
        p_conversation_id, p_actor.id, 'system', '', v_conversation.last_seq, v_conversation.version,
        v_conversation.last_activity_at, v_conversation.system_count, p_custom
    )
    returning * into v_message;
    return array[json_build_object(
        'event', 'message', 'skips', 'nobody',
        'payload', public.chat_sent_message_json(v_message, p_actor, v_conversation, null)
    )];
end $$;


-- thread_lists ------------------------------------------------------------------------------------------------------

-- A page of the replies in the thread of a message, oldest first: before or after a number, or the newest. It ends early
-- after two mebibytes. The numbers of replies have gaps: pages go by the index.
create or replace function public.chat_list_replies(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_limit integer, p_before_seq bigint, p_after_seq bigint
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_forward boolean := p_after_seq is not null;
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_first bigint;
    v_last bigint;
    v_more boolean := false;
begin
    for v_row in
        select r.reply, r.seq, a.author from (
            (
                select m as reply, m.seq, m.user_id from public.messages as m
                where v_forward and m.thread_id = v_root.id and m.seq > p_after_seq
                order by m.seq limit p_limit + 1
            ) union all (
                select m as reply, m.seq, m.user_id from public.messages as m
                where not v_forward and m.thread_id = v_root.id and m.seq < coalesce(p_before_seq, 9223372036854775807)
                order by m.seq desc limit p_limit + 1
            )
        ) as r
        cross join lateral (select u as author from public.users as u where u.id = r.user_id limit 1) as a
        order by case when v_forward then r.seq else -r.seq end
    loop
        v_more := cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes();
        exit when v_more;
        v_item := public.chat_message_json(v_row.reply, v_row.author, v_member);
        v_items := case when v_forward then v_items || v_item else v_item || v_items end;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_first := least(v_first, v_row.seq);
        v_last := greatest(v_last, v_row.seq);
    end loop;
    v_first := coalesce(v_first, p_after_seq + 1);
    v_last := coalesce(v_last, greatest(p_before_seq - 1, 0));
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', case when v_forward then coalesce(
                v_first > (select min(seq) from public.messages where thread_id = v_root.id), false
            ) else v_more end,
            'has_more_after', case when v_forward then v_more else coalesce(
                v_last < (select max(seq) from public.messages where thread_id = v_root.id), false
            ) end
        ),
        'items', array_to_json(v_items)
    );
end $$;

-- A page of the threads that the user follows, the one with the latest reply first: each its root, with what is the
-- user's own in it. p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_threads(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select r.root, a.author, found.member, found.active_at, found.thread_id, found.following, found.last_read_seq
        from (
            select t.thread_id, t.following, t.last_read_seq, u.member, m.active_at
            from public.chat_thread_members as t
            cross join lateral (
                select u as member, u.history_from from public.user_conversation as u
                where u.conversation_id = t.conversation_id and u.user_id = p_user_id limit 1
            ) as u
            cross join lateral (
                select coalesce(m.last_reply_at, m.created_at) as active_at from public.messages as m
                where m.id = t.thread_id and m.seq >= u.history_from limit 1
            ) as m
            where t.user_id = p_user_id and t.following
              and (p_before_at is null or (m.active_at, t.thread_id) < (p_before_at, p_before_id))
            order by m.active_at desc, t.thread_id desc
            limit p_limit + 1
        ) as found
        cross join lateral (select m as root, m.user_id from public.messages as m where m.id = found.thread_id limit 1) as r
        cross join lateral (select u as author from public.users as u where u.id = r.user_id limit 1) as a
        order by found.active_at desc, found.thread_id desc
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_merge(
            public.chat_message_json(v_row.root, v_row.author, v_row.member),
            public.chat_own_thread_json(v_row.following, v_row.thread_id, v_row.last_read_seq)
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.active_at), 'id', v_row.thread_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- threads -----------------------------------------------------------------------------------------------------------

-- A thread is a message, its root, and the replies to it. Whoever starts one, writes in it or is mentioned in it follows it,
-- until they choose not to.

-- What a thread's root says of its replies; null when the root is gone.
create or replace function public.chat_thread_json(p_thread_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'id', id, 'seq', seq, 'reply_count', reply_count,
            'last_reply_at', case when deleted_at is null then public.chat_time(last_reply_at) end
        )
        from public.messages where id = p_thread_id
    );
end $$;

-- The root of the thread that a message belongs to, or begins. Raises 404 message_not_found.
create or replace function public.chat_find_root(p_message_id uuid, p_member public.user_conversation) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_message public.messages := public.chat_find_message(p_message_id, p_member);
begin
    if v_message.thread_id is null then
        return v_message;
    end if;
    return public.chat_find_message(v_message.thread_id, p_member);
end $$;

-- The acting user as a member of the conversation of a message. One that the user cannot see is not told from one that
-- does not exist: 404 message_not_found.
create or replace function public.chat_thread_reader(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select u.* into v_member
    from public.messages as m join public.user_conversation as u on u.conversation_id = m.conversation_id
    where m.id = p_message_id and u.user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return v_member;
end $$;

-- Let members follow a thread who never chose, with the replies after p_read_seq unread. In one order, as all that locks
-- several of these rows.
create or replace function public.chat_draw_into_thread(
    p_thread_id uuid, p_conversation_id uuid, p_user_ids uuid[], p_read_seq bigint
) returns void
language sql
as $$
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    select p_thread_id, user_id, p_conversation_id, true, p_read_seq from public.user_conversation
    where conversation_id = p_conversation_id and user_id = any (p_user_ids)
    order by user_id
    on conflict (thread_id, user_id) do update set following = true where t.following is null
$$;

-- Count a new reply at its root, which gets the version of the reply, in a locked conversation. The sender follows the
-- thread and has read it; with the first reply so does the root's author, with those whom the root mentions.
create or replace function public.chat_add_reply(p_root public.messages, p_reply public.messages) returns void
language plpgsql set search_path = ''
as $$
begin
    update public.messages
    set reply_count = reply_count + 1, last_reply_at = p_reply.created_at, version = p_reply.version
    where id = p_root.id;
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    values (p_root.id, p_reply.user_id, p_reply.conversation_id, true, p_reply.seq)
    on conflict (thread_id, user_id) do update set following = true, last_read_seq = excluded.last_read_seq;
    if p_root.reply_count = 0 then
        perform public.chat_draw_into_thread(p_root.id, p_root.conversation_id, array(
            select p_root.user_id union select user_id from public.chat_mentions where message_id = p_root.id
        ), p_reply.seq - 1);
    end if;
end $$;

-- The replies of a thread that a member has not read; 100 stands for more.
create or replace function public.chat_count_unread_replies(p_thread_id uuid, p_read_seq bigint) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select count(*) from (
            select from public.messages where thread_id = p_thread_id and seq > p_read_seq and deleted_at is null limit 100
        ) as unread
    );
end $$;

-- What is a member's own in a thread.
create or replace function public.chat_own_thread_json(p_following boolean, p_thread_id uuid, p_read_seq bigint) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', public.chat_count_unread_replies(p_thread_id, p_read_seq), 'last_read_seq', p_read_seq,
        'following', coalesce(p_following, false)
    )
$$;

create or replace function public.chat_thread_member_json(p_member public.chat_thread_members) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object('thread_id', p_member.thread_id, 'conversation_id', p_member.conversation_id),
        public.chat_own_thread_json(p_member.following, p_member.thread_id, p_member.last_read_seq)
    )
$$;

-- Move the user's pointer in a thread forward, never beyond its newest reply.
create or replace function public.chat_read_thread(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_read_seq bigint
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_reader public.chat_thread_members;
begin
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, last_read_seq)
    values (v_root.id, p_user_id, v_root.conversation_id, least(p_read_seq, public.chat_newest_reply(v_root.id)))
    on conflict (thread_id, user_id) do update set last_read_seq = greatest(t.last_read_seq, excluded.last_read_seq)
    returning * into v_reader;
    return public.chat_thread_member_json(v_reader);
end $$;

-- The number of the newest reply of a thread, 0 without one.
create or replace function public.chat_newest_reply(p_thread_id uuid) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return coalesce((select max(seq) from public.messages where thread_id = p_thread_id), 0);
end $$;

-- Follow a thread, or no longer. Who begins to follow one that they never read has read it.
create or replace function public.chat_follow_thread(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_following boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_follower public.chat_thread_members;
begin
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    values (v_root.id, p_user_id, v_root.conversation_id, p_following, public.chat_newest_reply(v_root.id))
    on conflict (thread_id, user_id) do update set following = p_following
    returning * into v_follower;
    return public.chat_thread_member_json(v_follower);
end $$;


-- tokens ------------------------------------------------------------------------------------------------------------

create or replace function public.chat_revoke_tokens(p_user_id uuid, p_issued_at double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    -- Later than the token at hand, whatever the clock of the machine that issued it says.
    v_revoked_at timestamptz := greatest(clock_timestamp(), to_timestamp(p_issued_at) + interval '1 microsecond');
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    update public.users set tokens_valid_from = v_revoked_at where id = p_user_id;
    return json_build_object('user_id', p_user_id, 'revoked_at', extract(epoch from v_revoked_at));
end $$;

-- The revocations of the last p_seconds, for the processes that hold the users' sockets.
create or replace function public.chat_list_revocations(p_seconds double precision) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'user_id', id, 'revoked_at', extract(epoch from tokens_valid_from), 'is_erased', erased_at is not null
    )), '[]')
    from public.users where tokens_valid_from > now() - make_interval(secs => p_seconds)
$$;


-- users -------------------------------------------------------------------------------------------------------------

create or replace function public.chat_user_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_user.id, 'username', p_user.username, 'created_at', public.chat_time(p_user.created_at),
        'avatar_url', p_user.avatar_url
    )
$$;

-- A profile as everyone sees it, or with p_is_own as the person does.
create or replace function public.chat_profile_json(p_user public.users, p_is_own boolean) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_user_json(p_user),
        case
            when p_is_own then json_build_object(
                'about', p_user.about, 'custom', p_user.custom,
                'share_receipts', p_user.share_receipts, 'share_presence', p_user.share_presence,
                'notifications', public.chat_notifications(p_user.id)
            )
            else json_build_object('about', p_user.about, 'custom', p_user.custom)
        end
    )
$$;

-- The acting user. p_issued_at is when the token was issued (Unix seconds), null when no token speaks for the user.
create or replace function public.chat_require_user(p_user_id uuid, p_issued_at double precision) returns public.users
language plpgsql stable set search_path = ''
as $$
declare
    v_user public.users;
begin
    select * into v_user from public.users where id = p_user_id and erased_at is null;
    if not found then
        raise exception using errcode = 'PT404', message = 'user_not_found';
    end if;
    if to_timestamp(p_issued_at) < v_user.tokens_valid_from then
        raise exception using errcode = 'PT401', message = 'token_invalid', detail = 'The token has been revoked.';
    end if;
    return v_user;
end $$;

-- With p_user_id (the subject of an identity provider's token) the profile of that id is made, or renamed.
create or replace function public.chat_create_user(p_username text, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users;
begin
    insert into public.users (id, username)
    values (coalesce(p_user_id, gen_random_uuid()), p_username)
    on conflict (id) do update set username = excluded.username
    returning * into v_user;
    perform public.chat_require_user(v_user.id, p_issued_at);
    return public.chat_user_json(v_user);
end $$;

create or replace function public.chat_get_user(p_user_id uuid, p_issued_at double precision) returns json
language sql stable security definer set search_path = ''
as $$ select public.chat_user_json(public.chat_require_user(p_user_id, p_issued_at)) $$;

-- Raises 404 user_not_found for nobody, and for who was erased.
create or replace function public.chat_get_profile(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    return public.chat_profile_json(public.chat_require_user(p_target_id, null), p_user_id = p_target_id);
end $$;

-- Raises 403 not_allowed for who changes somebody else.
create or replace function public.chat_require_self(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    perform public.chat_require_user(p_target_id, null);
    if p_user_id <> p_target_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the user may do this.';
    end if;
end $$;

-- p_changes: those of `{username, avatar_url, about, custom, share_receipts, share_presence, notifications}` that change; custom
-- is merged.
-- Returns `{profile, public}`: the profile, and the part that everyone sees if that has changed, else null.
create or replace function public.chat_update_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_before public.users;
    v_after public.users;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    select * into v_before from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- erased while this waited
    update public.users
    set username = coalesce(p_changes ->> 'username', username),
        avatar_url = case when p_changes ? 'avatar_url' then p_changes ->> 'avatar_url' else avatar_url end,
        about = case when p_changes ? 'about' then p_changes ->> 'about' else about end,
        custom = case when p_changes ? 'custom' then public.chat_merge_custom(custom, p_changes -> 'custom') else custom end,
        share_receipts = coalesce((p_changes ->> 'share_receipts')::boolean, share_receipts),
        share_presence = coalesce((p_changes ->> 'share_presence')::boolean, share_presence)
    where id = p_target_id
    returning * into v_after;
    if p_changes ? 'notifications' then
        insert into public.chat_push_preferences (user_id, notifications) values (p_target_id, p_changes ->> 'notifications')
        on conflict (user_id) do update set notifications = excluded.notifications;
    end if;
    return json_build_object(
        'profile', public.chat_profile_json(v_after, true),
        'public', case
            when (v_before.username, v_before.avatar_url, v_before.about, v_before.custom)
                 is distinct from (v_after.username, v_after.avatar_url, v_after.about, v_after.custom)
            then public.chat_profile_json(v_after, false)
        end
    );
end $$;

-- Those of some users, `{user_ids}`, who share a conversation with a user.
create or replace function public.chat_list_contacts(p_user_id uuid, p_among jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(id), '[]') from public.chat_contacts(
            p_user_id, array(select value::uuid from jsonb_array_elements_text(p_among -> 'user_ids'))
        ) as id
    );
end $$;

-- From the shorter side: the members of the user's conversations, or the conversations of all whom p_among names, who may
-- be everybody with a socket.
create or replace function public.chat_contacts(p_user_id uuid, p_among uuid[]) returns setof uuid
language plpgsql stable set search_path = ''
as $$
begin
    if cardinality(p_among) > 1000 and cardinality(p_among) > (
        select sum(coalesce(c.member_count, 1000)) from public.user_conversation as m
        cross join lateral (select member_count from public.conversations where id = m.conversation_id limit 1) as c
        where m.user_id = p_user_id
    ) then
        return query
            select distinct m.user_id from public.user_conversation as own
            cross join lateral (
                select user_id from public.user_conversation where conversation_id = own.conversation_id limit 100000
            ) as m
            where own.user_id = p_user_id and m.user_id <> p_user_id and m.user_id in (select unnest(p_among));
        return;
    end if;
    return query
        with own as materialized (
            select conversation_id from public.user_conversation where user_id = p_user_id
        ), theirs as materialized (
            select other as user_id, m.conversation_id from unnest(p_among) as other
            -- a limit: looked up by the index for each, however many rows the planner expects
            cross join lateral (select conversation_id from public.user_conversation where user_id = other limit 100000) as m
            where other <> p_user_id
        )
        select distinct theirs.user_id from theirs join own using (conversation_id);
end $$;

-- Without those of whom one has blocked the other. Planned for each query anew: a rare name is found by its trigrams, a
-- frequent one in the order of names. `coalesce`: without statistics the planner takes `is null` for rare, and would sort all
-- that match.
create or replace function public.chat_search_users(p_user_id uuid, p_issued_at double precision, p_query text) returns json
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
    v_hidden uuid[] := public.chat_blocked_with(p_user_id) || p_user_id;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    if v_pattern is null then
        return (
            select coalesce(json_agg(public.chat_user_json(u)), '[]')
            from (
                select * from public.users where id <> all(v_hidden) and coalesce(erased_at is null, true)
                order by username, id limit 50
            ) as u
        );
    end if;
    return (
        select coalesce(json_agg(public.chat_user_json(u)), '[]')
        from (
            select * from public.users
            where username ilike v_pattern and id <> all(v_hidden) and coalesce(erased_at is null, true)
            order by username, id limit 50
        ) as u
    );
end $$;


-- webhooks ----------------------------------------------------------------------------------------------------------

-- Whether a webhook and push services are to hear of changes: what the settings of a server say when it starts.
create or replace function public.chat_set_listeners(p_webhook boolean, p_push boolean) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    update public.chat_listeners set webhook = p_webhook, push = p_push
    where (webhook, push) is distinct from (p_webhook, p_push);
    return 'null';
end $$;

-- The oldest changes of a conversation that the webhook has not heard of, up to p_limit: `[{id, event_id, type, created_at,
-- data}]`. `data` shows things as they are now; a later change follows.
create or replace function public.chat_list_webhook_events(p_conversation_id uuid, p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(json_build_object(
            'id', e.id, 'event_id', e.event_id, 'type', e.type, 'created_at', public.chat_time(e.created_at),
            'data', public.chat_webhook_data(e)
        ) order by e.id), '[]')
        from (
            select * from public.chat_webhook_events
            where conversation_id = p_conversation_id and dead_at is null order by id limit p_limit
        ) as e
    );
end $$;

create or replace function public.chat_webhook_data(p_event public.chat_webhook_events) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_about json;
begin
    select * into v_conversation from public.conversations where id = p_event.conversation_id;
    v_about := json_build_object(
        'conversation_id', p_event.conversation_id,
        'conversation', case when v_conversation.id is not null then public.chat_conversation_json(v_conversation) end
    );
    if p_event.type like 'member.%' then
        return public.chat_merge(v_about, json_build_object('user', (
            select public.chat_user_json(u) from public.users as u where u.id = (p_event.subject ->> 'user_id')::uuid
        )));
    elsif p_event.type like 'conversation.%' then
        return public.chat_merge(v_about, json_build_object('version', p_event.subject -> 'version'));
    end if;
    return public.chat_merge(v_about, json_build_object(
        'message', (
            select public.chat_message_json(m, u, null)
            from public.messages as m join public.users as u on u.id = m.user_id
            where m.id = (p_event.subject ->> 'message_id')::uuid
        ),
        'recipients', case when p_event.type = 'message.created' then (
            select coalesce(json_agg(json_build_object('user_id', r.user_id, 'online', public.chat_is_online(r.user_id))), '[]')
            from (
                select m.user_id from public.user_conversation as m join public.messages as s on s.conversation_id = m.conversation_id
                where s.id = (p_event.subject ->> 'message_id')::uuid and m.user_id <> s.user_id and s.seq >= m.history_from
                order by m.user_id limit 1000
            ) as r
        ) end
    ));
end $$;

-- The webhook has heard of these.
create or replace function public.chat_delete_webhook_events(p_ids bigint[]) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_webhook_events where id = any(p_ids);
    return 'null';
end $$;

-- A try has failed. An event that is older than p_seconds is given up. Returns whether it was.
create or replace function public.chat_fail_webhook_event(p_id bigint, p_error text, p_seconds double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_is_dead boolean;
begin
    update public.chat_webhook_events
    set last_error = p_error,
        dead_at = case when created_at < now() - make_interval(secs => p_seconds) then now() end
    where id = p_id
    returning dead_at is not null into v_is_dead;
    return to_json(coalesce(v_is_dead, true));
end $$;

-- The events that were given up: how many, and the latest p_limit.
create or replace function public.chat_list_dead_webhook_events(p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return json_build_object(
        'dead', (select count(*) from public.chat_webhook_events where dead_at is not null),
        'waiting', (select count(*) from public.chat_webhook_events where dead_at is null),
        'events', (
            select coalesce(json_agg(json_build_object(
                'id', id, 'event_id', event_id, 'type', type, 'conversation_id', conversation_id,
                'created_at', public.chat_time(created_at), 'last_error', last_error
            ) order by id desc), '[]')
            from (select * from public.chat_webhook_events where dead_at is not null order by id desc limit p_limit) as e
        )
    );
end $$;

-- Let the webhook hear again of what was given up, from the beginning of a day of tries. Returns how many those are.
create or replace function public.chat_redeliver_webhook_events() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_count integer;
begin
    update public.chat_webhook_events set dead_at = null, created_at = now() where dead_at is not null;
    get diagnostics v_count = row_count;
    perform public.chat_add_webhook_jobs();
    return to_json(v_count);
end $$;

-- Add the jobs of conversations whose events wait without one: an event that came while the last job was ending.
create or replace function public.chat_add_webhook_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
begin
    perform public.chat_add_job(
        'send_webhooks', jsonb_build_object('conversation_id', conversation_id), 'send_webhooks ' || conversation_id, null
    )
    from (select distinct conversation_id from public.chat_webhook_events where dead_at is null) as waiting;
    return 'null';
end $$;


-- plans -------------------------------------------------------------------------------------------------------------

-- Rows are looked up by an index, also while there are few: a session keeps its plans, and one that was made for a hundred
-- messages must not read all of a hundred thousand, until PostgreSQL counts them again.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select oid from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f' and prosecdef
    loop
        execute format('alter function %s set enable_seqscan = off', v_function);
    end loop;
end $$;

-- grants ------------------------------------------------------------------------------------------------------------

-- Closed, but for the server: row level security without a policy, and every right taken from everyone. Supabase grants
-- new tables and functions to anon and authenticated by default; whoever has the public key must get nothing here.
-- Tables and functions are found by their names, so that none can be forgotten.
do $$
declare
    v_table regclass;
    v_function record;
    v_role text;
begin
    for v_table in
        select oid::regclass from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity
          and (relname in ('users', 'conversations', 'user_conversation', 'messages') or relname like 'chat\_%')
    loop
        execute format('alter table %s enable row level security', v_table);
    end loop;
    for v_role in
        select 'public' union all select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated')
    loop
        for v_table in
            select oid::regclass from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')
              and (relname in ('users', 'conversations', 'user_conversation', 'messages') or relname like 'chat\_%')
        loop
            execute format('revoke all on %s from %s', v_table, v_role);
        end loop;
        for v_function in
            select oid::regprocedure as name from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f'
        loop
            execute format('revoke all on function %s from %s', v_function.name, v_role);
        end loop;
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
        for v_function in
            select oid::regprocedure as name from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f' and prosecdef
              and prorettype <> 'trigger'::regtype
        loop
            execute format('grant execute on function %s to service_role', v_function.name);
        end loop;
    end if;
end $$;

update public.chat_schema set functions_hash = 'c3118569f8dfd368', oldest_code = 1;

notify pgrst, 'reload schema';

commit;
