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
    if exists (select from public.chat_schema where version > 7) then
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


-- >>> functions b12d250ba07f291a
begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;
set local check_function_bodies = off;  -- they name each other in any order


-- conversations -----------------------------------------------------------------------------------------------------

create or replace function public.chat_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$ select public.chat_conversation_json_at(p_conversation, p_conversation.version, p_conversation.last_seq) $$;

-- A conversation as it was at an earlier version, when its newest message was p_last_seq.
create or replace function public.chat_conversation_json_at(
    p_conversation public.conversations, p_version bigint, p_last_seq bigint
) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
        'created_at', public.chat_time(p_conversation.created_at), 'version', p_version, 'last_seq', p_last_seq
    )
$$;

-- A function with a query of its own is PL/pgSQL, which keeps the plan: before PostgreSQL 18 one in SQL that cannot be
-- inlined is planned at each call.
create or replace function public.chat_participants_json(p_conversation_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_agg(public.chat_user_json(u) order by u.username, u.id)
        from public.user_conversation as m join public.users as u on u.id = m.user_id
        where m.conversation_id = p_conversation_id
    );
end $$;

-- Who belongs to a conversation, and the version at which that is so: what the server keeps to send events. JSON null for
-- a conversation that is gone.
create or replace function public.chat_get_audience(p_conversation_id uuid) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce((
        select json_build_object(
            'audience_version', c.audience_version,
            'user_ids', (select coalesce(json_agg(m.user_id), '[]') from public.user_conversation as m where m.conversation_id = c.id)
        )
        from public.conversations as c where c.id = p_conversation_id
    ), 'null')
$$;

-- What one member sees of a conversation besides its messages: where its pointers stand.
create or replace function public.chat_counters_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', p_conversation.last_seq - p_member.last_read_seq,
        'last_read_seq', p_member.last_read_seq, 'last_delivered_seq', p_member.last_delivered_seq
    )
$$;

-- p_messages: the messages to show, a JSON array.
create or replace function public.chat_member_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_messages json
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_merge(
            public.chat_conversation_json(p_conversation), public.chat_counters_json(p_conversation, p_member)
        ),
        json_build_object('participants', public.chat_participants_json(p_conversation.id), 'messages', p_messages)
    )
$$;

-- A conversation that the user does not belong to is not told from one that does not exist.
create or replace function public.chat_require_member(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    if not exists (
        select from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id
    ) then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
end $$;

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

-- Give a locked conversation its next version, with p_messages new numbers, and return it.
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
        -- strictly later than the message before, whatever the clock does: `last_message_date` can miss nothing
        last_activity_at = case
            when p_messages > 0 then greatest(clock_timestamp(), last_activity_at + interval '1 microsecond')
            else last_activity_at
        end
    where id = p_conversation_id
    returning * into v_conversation;
    return v_conversation;
end $$;

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
    insert into public.conversations (name, owner_user_id, created_at, last_activity_at)
    values (p_draft ->> 'name', p_user_id, now(), now())
    returning * into v_conversation;
    insert into public.user_conversation (conversation_id, user_id)
    select v_conversation.id, id from unnest(v_listed_ids || p_user_id) as id group by id;
    return public.chat_change_json(true, v_conversation.audience_version, public.chat_merge(
        public.chat_conversation_json(v_conversation),
        json_build_object('participants', public.chat_participants_json(v_conversation.id))
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
            v_row.c, v_row.m, public.chat_newest_messages_json(v_row.c, p_message_limit)
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.last_activity_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
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


-- messages ----------------------------------------------------------------------------------------------------------

-- A deleted message keeps its place and its number, without its text.
create or replace function public.chat_message_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_message.id, 'conversation_id', p_message.conversation_id, 'user_id', p_message.user_id,
        'message', case when p_message.deleted_at is null then p_message.message else '' end,
        'created_at', public.chat_time(p_message.created_at),
        'seq', p_message.seq, 'version', p_message.version, 'client_id', p_message.client_id,
        'deleted_at', public.chat_time(p_message.deleted_at),
        'users', json_build_object('id', p_author.id, 'username', p_author.username)
    )
$$;

-- The messages numbered p_first to p_last, oldest first, as many as fit into p_bytes: those nearest to p_anchor, at least
-- one. Numbers have no gap, so every page is such a range; first_seq and last_seq are the range that was taken.
create or replace function public.chat_message_range(
    p_conversation_id uuid, p_first bigint, p_last bigint, p_anchor bigint, p_bytes bigint,
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
        select coalesce(sum(6 * octet_length((m).message) + 1000), 0) <= p_bytes as fits from found
    )
    select min((f.m).seq), max((f.m).seq), coalesce(json_agg(public.chat_message_json(f.m, a.author) order by (f.m).seq), '[]'),
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
        select nearest.seq, public.chat_message_json(nearest.m, a.author) as item
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

create or replace function public.chat_newest_messages_json(p_conversation public.conversations, p_limit integer) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select items from public.chat_message_range(
            p_conversation.id, p_conversation.last_seq - p_limit + 1, p_conversation.last_seq, p_conversation.last_seq,
            public.chat_page_bytes() / 2
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
    v_newest bigint;
    v_first bigint;
    v_last bigint;
    v_page record;
begin
    if p_user_id is not null then
        perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    end if;
    select last_seq into v_newest from public.conversations where id = p_conversation_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    if p_after_date is not null then
        select seq - 1 into p_after_seq from public.messages
        where conversation_id = p_conversation_id and created_at > p_after_date
        order by created_at, seq limit 1;
        p_after_seq := coalesce(p_after_seq, v_newest);
    end if;
    v_last := case
        when p_before_seq is not null then p_before_seq - 1
        when p_after_seq is not null then p_after_seq + p_limit
        when p_around_seq is not null then greatest(p_around_seq + p_limit / 2, p_limit)
        else v_newest
    end;
    v_last := greatest(least(v_last, v_newest), 0);
    v_first := case when p_after_seq is not null then p_after_seq + 1 else v_last - p_limit + 1 end;
    v_first := least(greatest(v_first, 1), v_newest + 1);
    select * into v_page from public.chat_message_range(
        p_conversation_id, v_first, v_last,
        case when p_after_seq is not null then v_first else coalesce(p_around_seq, v_last) end,
        public.chat_page_bytes()
    );
    v_first := coalesce(v_page.first_seq, v_first);
    v_last := coalesce(v_page.last_seq, v_last);
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', v_first > 1 and v_newest > 0, 'has_more_after', v_last < v_newest
        ),
        'items', v_page.items
    );
end $$;

-- p_draft: `{message, client_id}`. A send with a client_id happens once: the repeated one gets the message of the first.
-- While that is younger than a minute it is announced again: nobody may have heard of it, if its answer was lost.
create or replace function public.chat_send_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_author public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_message public.messages;
begin
    if p_draft ->> 'client_id' is not null then
        select * into v_message from public.messages
        where conversation_id = p_conversation_id and user_id = p_user_id and client_id = p_draft ->> 'client_id';
        if found then
            return public.chat_repeated_send_json(v_message, v_author, v_conversation);
        end if;
    end if;
    v_conversation := public.chat_next_version(p_conversation_id, 1, false);
    update public.user_conversation
    set last_read_seq = v_conversation.last_seq, last_delivered_seq = v_conversation.last_seq
    where conversation_id = p_conversation_id and user_id = p_user_id;
    insert into public.messages (conversation_id, user_id, message, client_id, seq, version, created_at)
    values (p_conversation_id, p_user_id, p_draft ->> 'message', p_draft ->> 'client_id',
            v_conversation.last_seq, v_conversation.version, v_conversation.last_activity_at)
    returning * into v_message;
    return public.chat_change_json(
        true, v_conversation.audience_version, public.chat_sent_message_json(v_message, v_author, v_conversation)
    );
end $$;

-- The conversation is shown as it was when the message was new: who repeats a send knows no later one.
create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_message_json(p_message, p_author),
        json_build_object(
            'conversations', public.chat_conversation_json_at(p_conversation, p_message.version, p_message.seq)
        )
    )
$$;

create or replace function public.chat_repeated_send_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_change_json(
        p_message.created_at > clock_timestamp() - interval '1 minute', p_conversation.audience_version,
        public.chat_sent_message_json(p_message, p_author, p_conversation)
    )
$$;

-- Send many messages, of whatever conversations, in one go. p_sends: `[{user_id, issued_at, conversation_id, message,
-- client_id}]`, no two of one sender with the same client_id in one conversation. Returns for each, in their order, what
-- chat_send_message returns, or `{status, code, detail}` for what it raises: a bad send does not fail its neighbours.
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
        select s.*, a.author, r.repeated, case
            when (a.author).id is null then 'user_not_found'
            when to_timestamp(s.issued_at) < (a.author).tokens_valid_from then 'token_invalid'
            when not exists (
                select from public.user_conversation as m
                where m.conversation_id = s.conversation_id and m.user_id = s.user_id
            ) then 'conversation_not_found'
        end as code
        from sends as s
        -- `limit 1`: looked up by the index, however many rows the planner expects
        left join lateral (select u as author from public.users as u where u.id = s.user_id limit 1) as a on true
        left join lateral (
            select m as repeated from public.messages as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id and m.client_id = s.client_id limit 1
        ) as r on s.client_id is not null
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
        insert into public.messages as m (conversation_id, user_id, message, client_id, seq, version, created_at)
        select n.conversation_id, n.user_id, n.message, n.client_id,
               (conversation).last_seq - n.total + n.number, (conversation).version - n.total + n.number,
               (conversation).last_activity_at - (n.total - n.number) * interval '1 microsecond'
        from numbered as n join advanced on (conversation).id = n.conversation_id
        returning m as message
    ), pointers as (
        update public.user_conversation as m
        set last_read_seq = i.seq, last_delivered_seq = i.seq
        from (
            select (message).conversation_id, (message).user_id, max((message).seq) as seq from inserted group by 1, 2
        ) as i
        where m.conversation_id = i.conversation_id and m.user_id = i.user_id
    ), sent as (
        select n.place, i.message, a.conversation
        from numbered as n
        join advanced as a on (a.conversation).id = n.conversation_id
        join inserted as i on (i.message).conversation_id = n.conversation_id
            and (i.message).seq = (a.conversation).last_seq - n.total + n.number
    )
    select json_agg(case
        when c.code is not null then json_build_object(
            'status', case c.code when 'token_invalid' then 401 else 404 end, 'code', c.code,
            'detail', case c.code when 'token_invalid' then 'The token has been revoked.' end
        )
        when (c.repeated).id is not null then (
            select public.chat_repeated_send_json(c.repeated, c.author, v) from public.conversations as v
            where v.id = c.conversation_id
        )
        else public.chat_change_json(
            true, (s.conversation).audience_version, public.chat_sent_message_json(s.message, c.author, s.conversation)
        )
    end order by c.place) into v_results
    from checked as c left join sent as s on s.place = c.place;
    return v_results;
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
    select public.chat_newest_messages_json(c, p_limit) from public.conversations as c where c.id = p_conversation_id
$$;


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
    v_moved boolean;
begin
    perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    -- `least` alone takes a null for no bound at all
    v_read := least(coalesce((p_receipt ->> 'read_seq')::bigint, 0), v_conversation.last_seq);
    v_delivered := greatest(least(coalesce((p_receipt ->> 'delivered_seq')::bigint, 0), v_conversation.last_seq), v_read);
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, v_read), last_delivered_seq = greatest(last_delivered_seq, v_delivered)
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
    perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
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
            'total', coalesce(sum(c.last_seq - m.last_read_seq), 0),
            'conversations', coalesce(json_object_agg(c.id, c.last_seq - m.last_read_seq), '{}')
        )
        from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id and c.last_seq > m.last_read_seq
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
        select c, m, c.id, c.version, (p_since ->> c.id::text)::bigint as since,
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
                when v_from = '0' then coalesce(v_row.since, 0)
                when v_row.is_new then -1  -- whatever is known of it is from before: it starts afresh
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

create or replace function public.chat_unchanged_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object(
            'id', p_conversation.id, 'version', p_conversation.version, 'last_seq', p_conversation.last_seq
        ),
        public.chat_counters_json(p_conversation, p_member)
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
            select from public.messages
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit + 1
        ) as changed
    );
    if v_recovered then
        select coalesce(json_agg(public.chat_message_json(changed.m, a.author) order by (changed.m).seq), '[]') into v_messages
        from (
            select m from public.messages as m
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit
        ) as changed
        cross join lateral (select u as author from public.users as u where u.id = (changed.m).user_id limit 1) as a;
        v_recovered := octet_length(v_messages::text) <= public.chat_page_bytes() / 2;
    end if;
    if not v_recovered then
        v_messages := public.chat_newest_messages_json(p_conversation, p_limit);
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
        'id', p_user.id, 'username', p_user.username, 'created_at', public.chat_time(p_user.created_at)
    )
$$;

-- The acting user. p_issued_at is when the token was issued (Unix seconds), null when no token speaks for the user.
create or replace function public.chat_require_user(p_user_id uuid, p_issued_at double precision) returns public.users
language plpgsql stable set search_path = ''
as $$
declare
    v_user public.users;
begin
    select * into v_user from public.users where id = p_user_id;
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

-- Planned for each query anew: a rare name is found by its trigrams, a frequent one in the order of names.
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
            from (select * from public.users where id <> p_user_id order by username, id limit 50) as u
        );
    end if;
    return (
        select coalesce(json_agg(public.chat_user_json(u)), '[]')
        from (
            select * from public.users where username ilike v_pattern and id <> p_user_id order by username, id limit 50
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

update public.chat_schema set functions_hash = 'b12d250ba07f291a', oldest_code = 1;

notify pgrst, 'reload schema';

commit;
