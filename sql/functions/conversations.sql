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
