-- Pin a message, or with p_is_pinned false take it off; what is so already stays. Raises 403 not_allowed for who is no
-- admin; in a direct conversation both may.
create or replace function public.chat_set_pin(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_is_pinned boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_message public.messages;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_message := v_found.message;
    if v_message.deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    if (v_found.conversation).type <> 'direct' then
        perform public.chat_require_admin(v_found.conversation, v_found.member);
    end if;
    if (v_message.pinned_at is not null) = p_is_pinned then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_message, false);
    end if;
    update public.messages
    set pinned_at = case when p_is_pinned then clock_timestamp() end,
        version = (public.chat_next_version(v_message.conversation_id, 0, false)).version
    where id = v_message.id
    returning * into v_message;
    return public.chat_message_change_json(v_found.conversation, v_found.member, v_message, true);
end $$;

-- The pinned messages that a member sees, the newest pin first. A page ends early after two mebibytes: `next` leads on.
create or replace function public.chat_list_pins(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_row record;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    for v_row in
        select m, m.id, m.pinned_at, a.author
        from public.messages as m
        -- `limit 1`: each author is looked up by its id, however many rows the planner expects
        cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
        where m.conversation_id = p_conversation_id and m.pinned_at is not null and m.seq >= v_member.history_from
          and (m.pinned_at, m.id) < (
              coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
          )
        order by m.pinned_at desc, m.id desc limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || public.chat_message_json(v_row.m, v_row.author, v_member);
        v_bytes := v_bytes + octet_length(v_items[cardinality(v_items)]::text);
        v_last := json_build_object('at', public.chat_time(v_row.pinned_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;
