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
