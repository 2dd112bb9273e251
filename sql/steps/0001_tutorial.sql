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
