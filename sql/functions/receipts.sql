create or replace function public.chat_receipt_json(p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'conversation_id', p_member.conversation_id, 'user_id', p_member.user_id,
        'read_seq', p_member.last_read_seq, 'delivered_seq', p_member.last_delivered_seq
    )
$$;

-- p_receipt: `{read_seq, delivered_seq, unread_from}`, each may be null. Pointers move forward, and never beyond the newest
-- message; what is read has been delivered. `unread_from` alone moves the read pointer back, before that message. It is
-- announced when one has moved: to the user's own devices alone when it moved back, and when the user shares no receipts.
create or replace function public.chat_update_receipt(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_receipt jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users;
    v_member public.user_conversation;
    v_conversation public.conversations;
    v_before public.user_conversation;
    v_own_alone boolean;
begin
    v_user := public.chat_require_user(p_user_id, p_issued_at);
    v_before := public.chat_get_member(p_conversation_id, p_user_id);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    if p_receipt ->> 'unread_from' is null then
        v_member := public.chat_move_pointers(
            v_conversation, v_before,
            -- `least` alone takes a null for no bound at all
            least(coalesce((p_receipt ->> 'read_seq')::bigint, 0), v_conversation.last_seq),
            least(coalesce((p_receipt ->> 'delivered_seq')::bigint, 0), v_conversation.last_seq)
        );
    else
        v_member := public.chat_mark_unread(v_conversation, v_before, (p_receipt ->> 'unread_from')::bigint);
    end if;
    if v_member.id is null then  -- nothing moved
        v_member := public.chat_get_member(p_conversation_id, p_user_id);  -- or removed in this moment
        return public.chat_change_json(false, v_conversation.audience_version, public.chat_receipt_json(v_member));
    end if;
    v_own_alone := p_receipt ->> 'unread_from' is not null or not v_user.share_receipts;
    return public.chat_change_json(
        true, v_conversation.audience_version, public.chat_receipt_json(v_member),
        json_build_array(public.chat_merge(
            json_build_object(
                'event', 'receipt', 'payload', public.chat_receipt_json(v_member),
                'age', array[v_member.marked_unread, v_member.last_read_seq, v_member.last_delivered_seq]
            ),
            case when v_own_alone then json_build_object('user_ids', array[p_user_id]) else '{"skips": "socket"}' end
        ))
    );
end $$;

-- Returns the member if a pointer has moved, else null.
create or replace function public.chat_move_pointers(
    p_conversation public.conversations, p_member public.user_conversation, p_read bigint, p_delivered bigint
) returns public.user_conversation
language plpgsql set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    update public.user_conversation
    set last_read_seq = greatest(last_read_seq, p_read),
        last_delivered_seq = greatest(last_delivered_seq, p_delivered, p_read),
        read_system_count = case
            when last_read_seq < p_read then public.chat_count_system(p_conversation, p_read) else read_system_count
        end
    where id = p_member.id and (last_read_seq < p_read or last_delivered_seq < greatest(p_delivered, p_read))
    returning * into v_member;
    return v_member;
end $$;

create or replace function public.chat_mark_unread(
    p_conversation public.conversations, p_member public.user_conversation, p_from bigint
) returns public.user_conversation
language plpgsql set search_path = ''
as $$
declare
    -- never back to what does not exist for the member
    v_read bigint := greatest(p_from, public.chat_first_seq(p_conversation, p_member)) - 1;
    v_member public.user_conversation;
begin
    update public.user_conversation
    set last_read_seq = v_read, read_system_count = public.chat_count_system(p_conversation, v_read),
        marked_unread = marked_unread + 1
    where id = p_member.id and last_read_seq > v_read
    returning * into v_member;
    return v_member;
end $$;

-- How many of the messages up to a number are of type system; the message of that number may be gone.
create or replace function public.chat_count_system(p_conversation public.conversations, p_seq bigint) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    if p_conversation.system_count = 0 then
        return 0;
    end if;
    return coalesce(
        (select system_count from public.messages where conversation_id = p_conversation.id and seq = p_seq),
        (
            select system_count - (type = 'system')::integer from public.messages
            where conversation_id = p_conversation.id and seq > p_seq order by seq limit 1
        ),
        p_conversation.system_count
    );
end $$;

-- A page of the members' pointers after the user p_after. Who shares no receipts sees no others', and is seen by nobody.
create or replace function public.chat_list_receipts(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_after uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_member public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
begin
    if not v_user.share_receipts then
        return json_build_object(
            'info', json_build_object('next', null), 'items', json_build_array(public.chat_receipt_json(v_member))
        );
    end if;
    return (
        select json_build_object(
            'info', json_build_object('next', case
                when count(*) > p_limit then (json_agg(n.user_id order by n.place) filter (where n.place = p_limit)) ->> 0
            end),
            'items', coalesce(
                json_agg(public.chat_receipt_json(n.m) order by n.place) filter (where n.place <= p_limit), '[]'
            )
        )
        from (
            select m, m.user_id, row_number() over (order by m.user_id) as place
            from public.user_conversation as m
            where m.conversation_id = p_conversation_id and (p_after is null or m.user_id > p_after)
              and (select share_receipts from public.users where id = m.user_id)
            order by m.user_id limit p_limit + 1
        ) as n
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
            'total_unmuted', coalesce(
                sum(public.chat_unread_count(c, m)) filter (where coalesce(m.muted_until, '-infinity') <= now()), 0
            ),
            'conversations', coalesce(json_object_agg(c.id, public.chat_unread_count(c, m)), '{}')
        )
        from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id and public.chat_unread_count(c, m) > 0
    );
end $$;
