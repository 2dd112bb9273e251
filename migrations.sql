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
    if exists (select from public.chat_schema where version > 17) then
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

-- The tutorial wrote UTC into columns without a zone. `users` is locked first, as every function reads it first: this
-- step and the calls under way wait for each other there, and never in a circle.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['users', 'conversations', 'user_conversation', 'messages'] loop
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
create table public.chat_message_edits (
    message_id uuid not null references public.messages (id) on delete cascade,
    version bigint not null,                                       -- of the conversation, when this text was written
    user_id uuid not null,
    message text not null,
    edited_at timestamptz not null,
    primary key (message_id, version)
);

    insert into public.chat_schema (version) values (13)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> step 14 threads_and_mentions
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
    following boolean not null default true,
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

-- Messages to send later: p_draft as chat_send_message takes it. The job that sends one has its id.
create table public.chat_scheduled (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations (id) on delete cascade,
    user_id uuid not null,
    draft jsonb not null,
    send_at timestamptz not null,
    created_at timestamptz not null default now()
);
create index chat_scheduled_conversation on public.chat_scheduled (conversation_id);
create index chat_scheduled_user on public.chat_scheduled (user_id, send_at, id);

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


-- >>> step 17 blocks
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

create table public.chat_blocks (
    user_id uuid not null,
    blocked_user_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (user_id, blocked_user_id)
);
create index chat_blocks_blocked on public.chat_blocks (blocked_user_id);

    insert into public.chat_schema (version) values (17)
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;


-- >>> functions 16c6705b0f01f790
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;
set local check_function_bodies = off;  -- they name each other in any order


-- conversation_lists ------------------------------------------------------------------------------------------------

-- p_draft: `{name, participant_ids}`. The result is the conversation with its participants, the owner among them.
create or replace function public.chat_create_conversation(
    p_user_id uuid, p_issued_at double precision, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_listed_ids uuid[] := array(select id::uuid from jsonb_array_elements_text(p_draft -> 'participant_ids') as id);
    v_unknown uuid;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select id into v_unknown from unnest(v_listed_ids) as id
    where not exists (select from public.users as u where u.id = id.id) limit 1;
    if found then
        raise exception using errcode = 'PT404', message = 'user_not_found', detail = 'There is no user ' || v_unknown || '.';
    end if;
    insert into public.conversations (name, owner_user_id, created_at, last_activity_at, member_count)
    select p_draft ->> 'name', p_user_id, now(), now(), count(distinct id) from unnest(v_listed_ids || p_user_id) as id
    returning * into v_conversation;
    insert into public.user_conversation (conversation_id, user_id)
    select v_conversation.id, id from unnest(v_listed_ids || p_user_id) as id group by id;
    return public.chat_change_json(true, v_conversation.audience_version, public.chat_merge(
        public.chat_conversation_json(v_conversation),
        json_build_object('participants', public.chat_participants_json(v_conversation))
    ));
end $$;

-- A page of the user's conversations, the most recently active first; p_before_at and p_before_id are the cursor.
-- It ends after p_limit conversations or after two mebibytes: `next` leads on.
create or replace function public.chat_list_conversations(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_message_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes integer := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select c, m, c.id, c.last_activity_at
        from public.user_conversation as m
        join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id
          and (p_before_at is null or (c.last_activity_at, c.id) < (p_before_at, p_before_id))
        order by c.last_activity_at desc, c.id desc
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
        v_last := json_build_object('at', public.chat_time(v_row.last_activity_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- conversations -----------------------------------------------------------------------------------------------------

-- A function with a query of its own is PL/pgSQL, which keeps the plan: before PostgreSQL 18 one in SQL that cannot be
-- inlined is planned at each call.

create or replace function public.chat_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
        'created_at', public.chat_time(p_conversation.created_at),
        'version', p_conversation.version, 'last_seq', p_conversation.last_seq, 'oldest_seq', p_conversation.oldest_seq,
        'type', p_conversation.type, 'visibility', p_conversation.visibility, 'history', p_conversation.history,
        'description', p_conversation.description, 'avatar_url', p_conversation.avatar_url,
        'slow_mode_seconds', p_conversation.slow_mode_seconds, 'frozen', p_conversation.frozen,
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

-- p_messages: the messages to show, a JSON array.
create or replace function public.chat_member_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_messages json
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_merge(public.chat_conversation_json(p_conversation), public.chat_own_json(p_conversation, p_member)),
        json_build_object(
            'participants', public.chat_participants_json(p_conversation),
            'last_message', public.chat_newest_messages_json(p_conversation, p_member, 1) -> 0, 'messages', p_messages
        )
    )
$$;

-- Lock a conversation for a change by one of its members, and return it. Changes of a conversation follow one another:
-- versions and numbers without a gap, given in the order of the commits.
create or replace function public.chat_lock_conversation(p_conversation_id uuid, p_user_id uuid) returns public.conversations
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
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
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

create or replace function public.chat_role(p_conversation public.conversations, p_member public.user_conversation) returns text
language sql immutable
as $$ select case when p_conversation.owner_user_id = p_member.user_id then 'owner' else p_member.role end $$;

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
        'muted_until', public.chat_time(p_member.muted_until)
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


-- mentions ----------------------------------------------------------------------------------------------------------

-- The members of the conversation whom a draft mentions: those it lists, and those its text names as `@[user_id]`. Null
-- for nobody.
create or replace function public.chat_mentioned(p_conversation_id uuid, p_draft jsonb) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    if coalesce(p_draft -> 'mentions', '[]') = '[]' and strpos(p_draft ->> 'message', '@[') = 0 then
        return null;
    end if;
    return (
        select array_agg(m.user_id order by m.user_id) from public.user_conversation as m
        where m.conversation_id = p_conversation_id and m.user_id in (
            select id::uuid from jsonb_array_elements_text(p_draft -> 'mentions') as id
            union
            select named[1]::uuid from regexp_matches(
                p_draft ->> 'message', '@\[([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\]', 'g'
            ) as named
        )
    );
end $$;

-- Remember whom a message mentions, in place of whom it mentioned before an edit.
create or replace function public.chat_note_mentions(p_message public.messages) returns void
language plpgsql set search_path = ''
as $$
begin
    if p_message.mentions is null then
        return;
    end if;
    insert into public.chat_mentions (message_id, user_id, conversation_id, seq, created_at)
    select p_message.id, id, p_message.conversation_id, p_message.seq, p_message.created_at
    from unnest(p_message.mentions) as id where id <> p_message.user_id;
end $$;


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
    return json_build_object(
        'reply_to', case when v_quote is not null then p_message.reply_to end, 'quote', v_quote,
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

-- What a system message says, in English. It holds ids; the names are those of the moment at which it is read.
create or replace function public.chat_system_text(p_message public.messages, p_author public.users) returns text
language plpgsql stable set search_path = ''
as $$
begin
    return p_author.username || ' changed the conversation.';
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


-- receipts ----------------------------------------------------------------------------------------------------------

create or replace function public.chat_receipt_json(p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'conversation_id', p_member.conversation_id, 'user_id', p_member.user_id,
        'read_seq', p_member.last_read_seq, 'delivered_seq', p_member.last_delivered_seq
    )
$$;

-- p_receipt: `{read_seq, delivered_seq}`, each may be null. Pointers only move forward, and never beyond the newest
-- message; what is read has been delivered. It is announced when one has moved.
create or replace function public.chat_update_receipt(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_receipt jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_member public.user_conversation;
    v_read bigint;
    v_delivered bigint;
    v_read_system bigint;
    v_moved boolean;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    -- `least` alone takes a null for no bound at all
    v_read := least(coalesce((p_receipt ->> 'read_seq')::bigint, 0), v_conversation.last_seq);
    v_delivered := greatest(least(coalesce((p_receipt ->> 'delivered_seq')::bigint, 0), v_conversation.last_seq), v_read);
    if v_conversation.system_count > 0 then
        select system_count into v_read_system from public.messages
        where conversation_id = p_conversation_id and seq = v_read;
    end if;
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, v_read), last_delivered_seq = greatest(last_delivered_seq, v_delivered),
        read_system_count = greatest(read_system_count, v_read_system)
    where conversation_id = p_conversation_id and user_id = p_user_id
      and (last_read_seq < v_read or last_delivered_seq < v_delivered)
    returning * into v_member;
    v_moved := found;
    if not v_moved then
        select * into v_member from public.user_conversation
        where conversation_id = p_conversation_id and user_id = p_user_id;
        if not found then  -- removed in this moment
            raise exception using errcode = 'PT404', message = 'conversation_not_found';
        end if;
    end if;
    return public.chat_change_json(v_moved, v_conversation.audience_version, public.chat_receipt_json(v_member));
end $$;

create or replace function public.chat_list_receipts(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    return (
        select json_agg(public.chat_receipt_json(m) order by m.user_id)
        from public.user_conversation as m where m.conversation_id = p_conversation_id
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
            'conversations', coalesce(json_object_agg(c.id, public.chat_unread_count(c, m)), '{}')
        )
        from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id and public.chat_unread_count(c, m) > 0
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
            when not exists (
                select from public.user_conversation as m
                where m.conversation_id = s.conversation_id and m.user_id = s.user_id
            ) then 'conversation_not_found'
            when (r.repeated).id is not null then null
            when (v.conversation).type = 'direct' and public.chat_is_blocked(s.conversation_id, s.user_id) then 'blocked'
            when (v.conversation).frozen or (v.conversation).slow_mode_seconds > 0 then 'send_alone'
        end as code
        from sends as s
        -- `limit 1`: looked up by the index, however many rows the planner expects
        left join lateral (select u as author from public.users as u where u.id = s.user_id limit 1) as a on true
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
        when (c.repeated).id is not null then public.chat_repeated_send_json(c.repeated, c.author, c.conversation)
        else public.chat_change_json(
            true, (c.conversation).audience_version, public.chat_sent_message_json(s.message, c.author, c.conversation, null)
        )
    end order by c.place) into v_results
    from checked as c left join sent as s on s.place = c.place;
    return v_results;
end $$;


-- sends -------------------------------------------------------------------------------------------------------------

-- p_draft: `{message, client_id, reply_to?, thread_id?, mentions?, custom?}`. A send with a client_id happens once: the
-- repeated one gets the message of the first. While that is younger than a minute it is announced again: nobody may have
-- heard of it, if its answer was lost.
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
            return public.chat_repeated_send_json(v_message, v_author, v_conversation);
        end if;
    end if;
    perform public.chat_check_send(v_conversation, p_user_id);
    v_message := public.chat_store_message(v_conversation, p_user_id, p_draft);
    v_sent := public.chat_sent_message_json(v_message, v_author, v_conversation, null);
    return public.chat_change_json(true, v_conversation.audience_version, v_sent);
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
        v_root := public.chat_find_message((p_draft ->> 'thread_id')::uuid, v_member);
        if v_root.thread_id is not null then  -- a reply: its thread is meant
            v_root := public.chat_find_message(v_root.thread_id, v_member);
        end if;
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
    if v_root.id is not null then
        update public.messages
        set reply_count = reply_count + 1, last_reply_at = v_message.created_at, version = v_message.version
        where id = v_root.id;
    end if;
    perform public.chat_note_mentions(v_message);
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
            'thread', case when p_message.thread_id is not null then public.chat_thread_json(p_message.thread_id) end,
            'conversations', json_build_object(
                'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
                'created_at', public.chat_time(p_conversation.created_at),
                'version', p_message.version, 'last_seq', p_message.seq
            )
        )
    )
$$;

-- What a thread's root says of its replies; null when the root is gone.
create or replace function public.chat_thread_json(p_thread_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'id', id, 'seq', seq, 'reply_count', reply_count, 'last_reply_at', public.chat_time(last_reply_at)
        )
        from public.messages where id = p_thread_id
    );
end $$;

create or replace function public.chat_repeated_send_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_change_json(
        p_message.created_at > clock_timestamp() - interval '1 minute', p_conversation.audience_version,
        public.chat_sent_message_json(p_message, p_author, p_conversation, null)
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
        'user_id', id, 'revoked_at', extract(epoch from tokens_valid_from)
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

-- Planned for each query anew: a rare name is found by its trigrams, a frequent one in the order of names. `coalesce`:
-- without statistics the planner takes `is null` for rare, and would sort all that match.
create or replace function public.chat_search_users(p_user_id uuid, p_issued_at double precision, p_query text) returns json
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    if v_pattern is null then
        return (
            select coalesce(json_agg(public.chat_user_json(u)), '[]')
            from (
                select * from public.users where id <> p_user_id and coalesce(erased_at is null, true)
                order by username, id limit 50
            ) as u
        );
    end if;
    return (
        select coalesce(json_agg(public.chat_user_json(u)), '[]')
        from (
            select * from public.users
            where username ilike v_pattern and id <> p_user_id and coalesce(erased_at is null, true)
            order by username, id limit 50
        ) as u
    );
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

update public.chat_schema set functions_hash = '16c6705b0f01f790', oldest_code = 1;

notify pgrst, 'reload schema';

commit;
