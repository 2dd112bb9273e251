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
    v_read_system bigint;
    v_moved boolean;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    -- `least` alone takes a null for no bound at all
    v_read := least(coalesce((p_receipt ->> 'read_seq')::bigint, 0), v_conversation.last_seq);
    v_delivered := greatest(least(coalesce((p_receipt ->> 'delivered_seq')::bigint, 0), v_conversation.last_seq), v_read);
    if v_conversation.system_count > 0 then
        select system_count into v_read_system from public.messages
        where conversation_id = p_conversation_id and seq = v_read;
    end if;
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, v_read), last_delivered_seq = greatest(last_delivered_seq, v_delivered),
        read_system_count = greatest(read_system_count, v_read_system)
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
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
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
            'total', coalesce(sum(public.chat_unread_count(c, m)), 0),
            'conversations', coalesce(json_object_agg(c.id, public.chat_unread_count(c, m)), '{}')
        )
        from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id and public.chat_unread_count(c, m) > 0
    );
end $$;
