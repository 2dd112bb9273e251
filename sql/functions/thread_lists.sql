-- A page of the replies in the thread of a message, oldest first: before or after a number, or the newest. It ends early
-- after two mebibytes. The numbers of replies have gaps: pages go by the index.
create or replace function public.chat_list_replies(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_limit integer, p_before_seq bigint, p_after_seq bigint
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_forward boolean := p_after_seq is not null;
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_first bigint;
    v_last bigint;
    v_more boolean := false;
begin
    for v_row in
        select r.reply, r.seq, a.author from (
            (
                select m as reply, m.seq, m.user_id from public.messages as m
                where v_forward and m.thread_id = v_root.id and m.seq > p_after_seq
                order by m.seq limit p_limit + 1
            ) union all (
                select m as reply, m.seq, m.user_id from public.messages as m
                where not v_forward and m.thread_id = v_root.id and m.seq < coalesce(p_before_seq, 9223372036854775807)
                order by m.seq desc limit p_limit + 1
            )
        ) as r
        cross join lateral (select u as author from public.users as u where u.id = r.user_id limit 1) as a
        order by case when v_forward then r.seq else -r.seq end
    loop
        v_more := cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes();
        exit when v_more;
        v_item := public.chat_message_json(v_row.reply, v_row.author, v_member);
        v_items := case when v_forward then v_items || v_item else v_item || v_items end;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_first := least(v_first, v_row.seq);
        v_last := greatest(v_last, v_row.seq);
    end loop;
    v_first := coalesce(v_first, p_after_seq + 1);
    v_last := coalesce(v_last, greatest(p_before_seq - 1, 0));
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', case when v_forward then coalesce(
                v_first > (select min(seq) from public.messages where thread_id = v_root.id), false
            ) else v_more end,
            'has_more_after', case when v_forward then v_more else coalesce(
                v_last < (select max(seq) from public.messages where thread_id = v_root.id), false
            ) end
        ),
        'items', array_to_json(v_items)
    );
end $$;

-- A page of the threads that the user follows, the one with the latest reply first: each its root, with what is the
-- user's own in it. p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_threads(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select r.root, a.author, found.member, found.active_at, found.thread_id, found.following, found.last_read_seq
        from (
            select t.thread_id, t.following, t.last_read_seq, u.member, m.active_at
            from public.chat_thread_members as t
            cross join lateral (
                select u as member, u.history_from from public.user_conversation as u
                where u.conversation_id = t.conversation_id and u.user_id = p_user_id limit 1
            ) as u
            cross join lateral (
                select coalesce(m.last_reply_at, m.created_at) as active_at from public.messages as m
                where m.id = t.thread_id and m.seq >= u.history_from limit 1
            ) as m
            where t.user_id = p_user_id and t.following
              and (p_before_at is null or (m.active_at, t.thread_id) < (p_before_at, p_before_id))
            order by m.active_at desc, t.thread_id desc
            limit p_limit + 1
        ) as found
        cross join lateral (select m as root, m.user_id from public.messages as m where m.id = found.thread_id limit 1) as r
        cross join lateral (select u as author from public.users as u where u.id = r.user_id limit 1) as a
        order by found.active_at desc, found.thread_id desc
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_merge(
            public.chat_message_json(v_row.root, v_row.author, v_row.member),
            public.chat_own_thread_json(v_row.following, v_row.thread_id, v_row.last_read_seq)
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.active_at), 'id', v_row.thread_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;
