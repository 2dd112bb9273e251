-- The chat database: tables, indexes, functions by resource, grants.
--
-- Safe to apply again and again: to an empty database, to one that an earlier release made, and to the one of the
-- tutorial (`users`, `conversations`, `user_conversation`, `messages`), which is upgraded in place. Needs PostgreSQL 15
-- and no extension. The whole file pastes into Supabase's SQL editor. It is one transaction: all of it or nothing.

begin;

set local client_min_messages = warning;
set local lock_timeout = '30s';
set local statement_timeout = 0;  -- a big database takes its time
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;  -- two servers that start at once migrate in turn

-- The release that this database belongs to; file_hash spares a server the work when nothing has changed.
create table if not exists public.chat_schema (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    file_hash text
);
do $$
begin
    if exists (select from public.chat_schema where version > 1) then
        raise exception using errcode = 'PT409', message = 'schema_too_new',
            detail = 'This database belongs to a newer release than this migrations.sql.';
    end if;
end $$;


-- Tables ------------------------------------------------------------------------------------------------------------
-- First the tutorial's columns, then what this product adds: a fresh database and an upgraded one end up the same.

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
-- file and the calls under way wait for each other there, and never in a circle.
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

-- The tutorial's rows, once: afterwards this database has a version. Rows that point nowhere and memberships that stand
-- twice are set aside. Messages get their numbers in the order in which they were written. Members, who had no read
-- state, have read everything; the owner, whom the tutorial did not make a member, is one.
set local client_min_messages = notice;
do $$
declare
    v_count integer;
begin
    if exists (select from public.chat_schema) then
        return;
    end if;

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


-- Functions ---------------------------------------------------------------------------------------------------------
-- Functions are code: all of them are dropped and made anew, so that a changed signature leaves no overload behind.
-- What the server calls is `security definer` with an empty search_path; helpers are plain SQL that the planner inlines.
-- Errors: SQLSTATE PTnnn is HTTP status nnn, the message is the code that clients see.

do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select oid::regprocedure from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f'
    loop
        execute format('drop function %s', v_function);
    end loop;
end $$;

create function public.chat_schema_version() returns json
language sql stable security definer set search_path = ''
as $$ select to_json(version) from public.chat_schema $$;

-- One form for every time: UTC with offset, always six digits, whatever the session's time zone.
create function public.chat_time(p_time timestamptz) returns text
language sql stable
as $$ select to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') $$;

-- The keys of one JSON object, then those of another; as text, so that they keep their order.
create function public.chat_merge(p_first json, p_second json) returns json
language sql immutable
as $$ select (left(p_first::text, -1) || ', ' || substr(p_second::text, 2))::json $$;

-- Where an answer of many conversations ends: messages may be long, and whoever has been away for long asks for many.
create function public.chat_page_bytes() returns integer
language sql immutable
as $$ select 2 * 1024 * 1024 $$;


-- users

create function public.chat_user_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_user.id, 'username', p_user.username, 'created_at', public.chat_time(p_user.created_at)
    )
$$;

-- The acting user. p_issued_at is when the token was issued (Unix seconds), null when no token speaks for the user.
create function public.chat_require_user(p_user_id uuid, p_issued_at double precision) returns public.users
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
create function public.chat_create_user(p_username text, p_user_id uuid, p_issued_at double precision) returns json
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

create function public.chat_get_user(p_user_id uuid, p_issued_at double precision) returns json
language sql stable security definer set search_path = ''
as $$ select public.chat_user_json(public.chat_require_user(p_user_id, p_issued_at)) $$;

-- Planned for each query anew: a rare name is found by its trigrams, a frequent one in the order of names.
create function public.chat_search_users(p_user_id uuid, p_issued_at double precision, p_query text) returns json
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


-- tokens

create function public.chat_revoke_tokens(p_user_id uuid, p_issued_at double precision) returns json
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
create function public.chat_list_revocations(p_seconds double precision) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'user_id', id, 'revoked_at', extract(epoch from tokens_valid_from)
    )), '[]')
    from public.users where tokens_valid_from > now() - make_interval(secs => p_seconds)
$$;


-- conversations

create function public.chat_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
        'created_at', public.chat_time(p_conversation.created_at),
        'version', p_conversation.version, 'last_seq', p_conversation.last_seq
    )
$$;

create function public.chat_participants_json(p_conversation_id uuid) returns json
language sql stable
as $$
    select json_agg(public.chat_user_json(u) order by u.username, u.id)
    from public.user_conversation as m join public.users as u on u.id = m.user_id
    where m.conversation_id = p_conversation_id
$$;

create function public.chat_member_ids(p_conversation_id uuid) returns json
language sql stable
as $$ select json_agg(user_id) from public.user_conversation where conversation_id = p_conversation_id $$;

-- What one member sees of a conversation besides its messages: where its pointers stand.
create function public.chat_counters_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', p_conversation.last_seq - p_member.last_read_seq,
        'last_read_seq', p_member.last_read_seq, 'last_delivered_seq', p_member.last_delivered_seq
    )
$$;

-- p_messages: the messages to show, a JSON array.
create function public.chat_member_conversation_json(
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
create function public.chat_require_member(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns void
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

create function public.chat_create_conversation(
    p_user_id uuid, p_issued_at double precision, p_participant_ids uuid[], p_name text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_unknown uuid;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select id into v_unknown from unnest(p_participant_ids) as id
    where not exists (select from public.users as u where u.id = id.id) limit 1;
    if found then
        raise exception using errcode = 'PT404', message = 'user_not_found', detail = 'There is no user ' || v_unknown || '.';
    end if;
    insert into public.conversations (name, owner_user_id, created_at, last_activity_at)
    values (p_name, p_user_id, now(), now())
    returning * into v_conversation;
    insert into public.user_conversation (conversation_id, user_id)
    select v_conversation.id, id from unnest(p_participant_ids || p_user_id) as id group by id;
    return json_build_object(
        'conversation', public.chat_merge(
            public.chat_conversation_json(v_conversation),
            json_build_object('participants', public.chat_participants_json(v_conversation.id))
        ),
        'recipients', (select coalesce(json_agg(distinct id), '[]') from unnest(p_participant_ids) as id)
    );
end $$;

-- A page of the user's conversations, the most recently active first; p_before_at and p_before_id are the cursor.
-- It ends after p_limit conversations or after two mebibytes: `next` leads on.
create function public.chat_list_conversations(
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
            v_row.c, v_row.m, public.chat_newest_messages_json(v_row.id, p_message_limit)
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.last_activity_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;


-- messages

-- A deleted message keeps its place and its number, without its text.
create function public.chat_message_json(p_message public.messages, p_author public.users) returns json
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

-- The messages numbered p_first to p_last, oldest first. Numbers have no gap, so every page is such a range.
create function public.chat_messages_json(p_conversation_id uuid, p_first bigint, p_last bigint) returns json
language sql stable
as $$
    select coalesce(json_agg(public.chat_message_json(m, a.author) order by m.seq), '[]')
    from public.messages as m
    -- `limit 1`: each author is looked up by its id, however many rows the planner expects; a join might scan all users
    cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
    where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
$$;

create function public.chat_newest_messages_json(p_conversation_id uuid, p_limit integer) returns json
language sql stable
as $$
    select public.chat_messages_json(c.id, c.last_seq - p_limit + 1, c.last_seq)
    from public.conversations as c where c.id = p_conversation_id
$$;

-- A page of a conversation's messages, oldest first: before, after or around a number, after a date, or the newest.
-- p_user_id is null only in open mode, for a reader who says no name.
create function public.chat_list_messages(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_limit integer,
    p_before_seq bigint, p_after_seq bigint, p_around_seq bigint, p_after_date timestamptz
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_newest bigint;
    v_first bigint;
    v_last bigint;
begin
    if p_user_id is not null then
        perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    else
        perform from public.users limit 1;  -- read first, as everywhere: see where this file locks it
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
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', v_first > 1 and v_newest > 0, 'has_more_after', v_last < v_newest
        ),
        'items', public.chat_messages_json(p_conversation_id, v_first, v_last)
    );
end $$;

-- The row lock on the conversation puts its sends into one order: numbers without a gap, given in the order of the
-- commits. p_client_id makes a send happen once: the retry gets the message of the first, and nobody is told again.
create function public.chat_send_message(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_message text, p_client_id text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_author public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations;
    v_message public.messages;
begin
    -- Only a member may take the lock. Whoever was removed while it waited for the lock is found out further down.
    select * into v_conversation from public.conversations as c
    where c.id = p_conversation_id and exists (
        select from public.user_conversation as m where m.conversation_id = c.id and m.user_id = p_user_id
    )
    for no key update;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;

    if p_client_id is not null then
        select * into v_message from public.messages
        where conversation_id = p_conversation_id and user_id = p_user_id and client_id = p_client_id and exists (
            select from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id
        );
        if found then
            v_conversation.version := v_message.version;  -- as in the first answer: who retries knows no later message
            v_conversation.last_seq := v_message.seq;
            return json_build_object(
                'message', public.chat_sent_message_json(v_message, v_author, v_conversation),
                'recipients', public.chat_member_ids(p_conversation_id), 'repeated', true
            );
        end if;
    end if;

    update public.conversations
    set version = version + 1, last_seq = last_seq + 1,
        -- strictly later than the message before, whatever the clock does: `last_message_date` can miss nothing
        last_activity_at = greatest(clock_timestamp(), last_activity_at + interval '1 microsecond')
    where id = p_conversation_id
    returning * into v_conversation;

    update public.user_conversation
    set last_read_seq = v_conversation.last_seq, last_delivered_seq = v_conversation.last_seq
    where conversation_id = p_conversation_id and user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;

    insert into public.messages (conversation_id, user_id, message, client_id, seq, version, created_at)
    values (p_conversation_id, p_user_id, p_message, p_client_id,
            v_conversation.last_seq, v_conversation.version, v_conversation.last_activity_at)
    returning * into v_message;
    return json_build_object(
        'message', public.chat_sent_message_json(v_message, v_author, v_conversation),
        'recipients', public.chat_member_ids(p_conversation_id), 'repeated', false
    );
end $$;

create function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_message_json(p_message, p_author),
        json_build_object('conversations', public.chat_conversation_json(p_conversation))
    )
$$;


-- receipts

create function public.chat_receipt_json(p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'conversation_id', p_member.conversation_id, 'user_id', p_member.user_id,
        'read_seq', p_member.last_read_seq, 'delivered_seq', p_member.last_delivered_seq
    )
$$;

-- Pointers only move forward, and never beyond the newest message; what is read has been delivered.
create function public.chat_update_receipt(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_read_seq bigint, p_delivered_seq bigint
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation;
    v_newest bigint;
begin
    perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    select last_seq into v_newest from public.conversations where id = p_conversation_id;
    p_read_seq := least(coalesce(p_read_seq, 0), v_newest);  -- `least` alone takes a null for no bound at all
    p_delivered_seq := greatest(least(coalesce(p_delivered_seq, 0), v_newest), p_read_seq);
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, p_read_seq),
        last_delivered_seq = greatest(last_delivered_seq, p_delivered_seq)
    where conversation_id = p_conversation_id and user_id = p_user_id
      and (last_read_seq < p_read_seq or last_delivered_seq < p_delivered_seq)
    returning * into v_member;
    if found then
        return json_build_object(
            'receipt', public.chat_receipt_json(v_member), 'recipients', public.chat_member_ids(p_conversation_id)
        );
    end if;
    select * into v_member from public.user_conversation
    where conversation_id = p_conversation_id and user_id = p_user_id;
    if not found then  -- removed in this moment
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return json_build_object('receipt', public.chat_receipt_json(v_member), 'recipients', '[]'::json);
end $$;

create function public.chat_list_receipts(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    return (
        select json_agg(public.chat_receipt_json(m) order by m.user_id)
        from public.user_conversation as m where m.conversation_id = p_conversation_id
    );
end $$;

create function public.chat_list_unread(p_user_id uuid, p_issued_at double precision) returns json
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


-- sync

-- Everything that has changed in the user's conversations since the versions in p_since ({conversation_id: version}).
-- An unchanged conversation is a short summary. A changed one comes whole, with the messages changed since; more than
-- p_limit of them, or a version from another history, and it starts afresh: recovered = false, the newest page. At most
-- 50, or two mebibytes, come whole, the most recently active first; has_more says that another call, with what is now
-- known, brings more.
create function public.chat_sync(p_user_id uuid, p_issued_at double precision, p_since jsonb, p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_mine text[] := '{}';
    v_whole integer := 0;
    v_bytes integer := 0;
    v_has_more boolean := false;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select c, m, c.id, c.version, (p_since ->> c.id::text)::bigint as since
        from public.user_conversation as m
        join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id
        order by c.last_activity_at desc, c.id desc
    loop
        v_mine := v_mine || v_row.id::text;
        if v_row.since = v_row.version then
            v_item := public.chat_unchanged_conversation_json(v_row.c, v_row.m);
        elsif v_whole = 50 or v_bytes > public.chat_page_bytes() then
            v_has_more := true;
            continue;
        else
            v_item := public.chat_changed_conversation_json(v_row.c, v_row.m, coalesce(v_row.since, 0), p_limit);
            v_whole := v_whole + 1;
            v_bytes := v_bytes + octet_length(v_item::text);
        end if;
        v_items := v_items || v_item;
    end loop;
    return json_build_object(
        'conversations', array_to_json(v_items),
        'removed', (
            select coalesce(json_agg(gone.id), '[]')
            from (select id from jsonb_object_keys(p_since) as known (id) except select unnest(v_mine)) as gone (id)
        ),
        'has_more', v_has_more
    );
end $$;


create function public.chat_unchanged_conversation_json(
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

create function public.chat_changed_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_since bigint, p_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_messages json;
    v_recovered boolean;
begin
    v_recovered := p_since <= p_conversation.version and p_limit >= (
        select count(*) from (
            select from public.messages
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit + 1
        ) as changed
    );
    if v_recovered then
        select coalesce(json_agg(public.chat_message_json(c.m, a.author) order by (c.m).seq), '[]') into v_messages
        from (
            select m from public.messages as m
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit
        ) as c
        cross join lateral (select u as author from public.users as u where u.id = (c.m).user_id limit 1) as a;
    else
        v_messages := public.chat_newest_messages_json(p_conversation.id, p_limit);
    end if;
    return public.chat_merge(
        public.chat_member_conversation_json(p_conversation, p_member, v_messages),
        json_build_object('recovered', v_recovered)
    );
end $$;


-- Grants: closed, but for the server --------------------------------------------------------------------------------
-- Row level security without a policy, and every right taken from everyone. Supabase grants new tables and functions to
-- anon and authenticated by default; whoever has the public key must get nothing here.

do $$
declare
    v_object text;
    v_role text;
begin
    for v_object in
        select unnest(array['users', 'conversations', 'user_conversation', 'messages', 'chat_set_aside', 'chat_schema'])
    loop
        execute format('alter table public.%I enable row level security', v_object);
    end loop;
    for v_role in
        select 'public' union all select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated')
    loop
        execute format('revoke all on public.users, public.conversations, public.user_conversation, public.messages, '
                       'public.chat_set_aside, public.chat_schema from %s', v_role);
    end loop;
    for v_object in
        select oid::regprocedure::text from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f'
    loop
        for v_role in
            select 'public' union all select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated')
        loop
            execute format('revoke all on function %s from %s', v_object, v_role);
        end loop;
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
        for v_object in
            select oid::regprocedure::text from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f' and prosecdef
        loop
            execute format('grant execute on function %s to service_role', v_object);
        end loop;
    end if;
end $$;

insert into public.chat_schema (version) values (1)
on conflict (only_row) do update set version = excluded.version, file_hash = null;

notify pgrst, 'reload schema';

commit;
