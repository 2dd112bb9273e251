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
