-- The messages numbered p_first to p_last as p_member sees them, oldest first, as many as fit into p_bytes: those nearest
-- to p_anchor, at least one. From the oldest that is kept numbers have no gap, so every page is such a range; first_seq and
-- last_seq are the range that was taken.
create or replace function public.chat_message_range(
    p_conversation_id uuid, p_member public.user_conversation, p_first bigint, p_last bigint, p_anchor bigint, p_bytes bigint,
    out first_seq bigint, out last_seq bigint, out items json
)
language plpgsql stable set search_path = ''
as $$
declare
    v_fits boolean;
    v_row record;
    v_items json[] := '{}';
    v_bytes bigint := 0;
begin
    -- Mostly all of them fit, and one query is half the work of the loop. A byte of text is six of JSON at most.
    with found as materialized (
        select m from public.messages as m where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
    ), measured as (
        select coalesce(sum(public.chat_message_bytes(m)), 0) <= p_bytes as fits from found
    )
    select min((f.m).seq), max((f.m).seq), coalesce(json_agg(public.chat_message_json(f.m, a.author, p_member) order by (f.m).seq), '[]'),
           (select fits from measured)
    into first_seq, last_seq, items, v_fits
    from found as f
    -- `limit 1`: each author is looked up by its id, however many rows the planner expects; a join might scan all users
    cross join lateral (select u as author from public.users as u where u.id = (f.m).user_id limit 1) as a
    where (select fits from measured);
    if v_fits then
        return;
    end if;
    -- One by one, so that no more JSON is made than is sent.
    for v_row in
        select nearest.seq, public.chat_message_json(nearest.m, a.author, p_member) as item
        from (
            select m.seq, abs(m.seq - p_anchor) as distance, m from public.messages as m
            where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
            order by distance, m.seq
        ) as nearest
        cross join lateral (select u as author from public.users as u where u.id = (nearest.m).user_id limit 1) as a
        order by nearest.distance, nearest.seq
    loop
        exit when v_bytes >= p_bytes;
        v_items := case when v_row.seq < p_anchor then v_row.item || v_items else v_items || v_row.item end;
        v_bytes := v_bytes + octet_length(v_row.item::text);
        first_seq := least(first_seq, v_row.seq);
        last_seq := greatest(last_seq, v_row.seq);
    end loop;
    items := array_to_json(v_items);
end $$;

-- The number of the oldest message that a member sees; with null instead of a member, of the oldest there is.
create or replace function public.chat_first_seq(p_conversation public.conversations, p_member public.user_conversation) returns bigint
language sql immutable
as $$ select greatest(p_conversation.oldest_seq, p_member.history_from) $$;

create or replace function public.chat_newest_messages_json(
    p_conversation public.conversations, p_member public.user_conversation, p_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select items from public.chat_message_range(
            p_conversation.id, p_member,
            greatest(p_conversation.last_seq - p_limit + 1, public.chat_first_seq(p_conversation, p_member)),
            p_conversation.last_seq, p_conversation.last_seq, public.chat_page_bytes() / 2
        )
    );
end $$;

-- A page of a conversation's messages, oldest first: before, after or around a number, after a date, or the newest. It
-- ends early after two mebibytes. p_user_id is null only in open mode, for a reader who says no name.
create or replace function public.chat_list_messages(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_limit integer,
    p_before_seq bigint, p_after_seq bigint, p_around_seq bigint, p_after_date timestamptz
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_member public.user_conversation;
    v_oldest bigint;
    v_newest bigint;
    v_first bigint;
    v_last bigint;
    v_page record;
begin
    if p_user_id is not null then
        v_member := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    end if;
    select * into v_conversation from public.conversations where id = p_conversation_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    v_oldest := public.chat_first_seq(v_conversation, v_member);
    v_newest := v_conversation.last_seq;
    if p_after_date is not null then
        select seq - 1 into p_after_seq from public.messages
        where conversation_id = p_conversation_id and created_at > p_after_date
        order by created_at, seq limit 1;
        p_after_seq := coalesce(p_after_seq, v_newest);
    end if;
    if p_after_seq < v_oldest then  -- what lies between does not exist: the page begins with the oldest
        p_after_seq := v_oldest - 1;
    end if;
    v_last := case
        when p_before_seq is not null then p_before_seq - 1
        when p_after_seq is not null then p_after_seq + p_limit
        when p_around_seq is not null then greatest(p_around_seq + p_limit / 2, v_oldest + p_limit - 1)
        else v_newest
    end;
    v_last := greatest(least(v_last, v_newest), v_oldest - 1);
    v_first := case when p_after_seq is not null then p_after_seq + 1 else v_last - p_limit + 1 end;
    v_first := least(greatest(v_first, v_oldest), v_newest + 1);
    select * into v_page from public.chat_message_range(
        p_conversation_id, v_member, v_first, v_last,
        case when p_after_seq is not null then v_first else coalesce(p_around_seq, v_last) end,
        public.chat_page_bytes()
    );
    v_first := coalesce(v_page.first_seq, v_first);
    v_last := coalesce(v_page.last_seq, v_last);
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', v_first > v_oldest and v_newest >= v_oldest, 'has_more_after', v_last < v_newest
        ),
        'items', v_page.items
    );
end $$;
