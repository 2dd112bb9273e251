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
