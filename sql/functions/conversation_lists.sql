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
