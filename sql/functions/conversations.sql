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
