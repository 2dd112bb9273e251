-- A deleted message keeps its place and its number, without its text.
create or replace function public.chat_message_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_message.id, 'conversation_id', p_message.conversation_id, 'user_id', p_message.user_id,
        'message', case when p_message.deleted_at is null then p_message.message else '' end,
        'created_at', public.chat_time(p_message.created_at),
        'seq', p_message.seq, 'version', p_message.version, 'client_id', p_message.client_id,
        'deleted_at', public.chat_time(p_message.deleted_at),
        'users', json_build_object('id', p_author.id, 'username', p_author.username)
    )
$$;

-- The messages numbered p_first to p_last, oldest first, as many as fit into p_bytes: those nearest to p_anchor, at least
-- one. Numbers have no gap, so every page is such a range; first_seq and last_seq are the range that was taken.
create or replace function public.chat_message_range(
    p_conversation_id uuid, p_first bigint, p_last bigint, p_anchor bigint, p_bytes bigint,
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
        select coalesce(sum(6 * octet_length((m).message) + 1000), 0) <= p_bytes as fits from found
    )
    select min((f.m).seq), max((f.m).seq), coalesce(json_agg(public.chat_message_json(f.m, a.author) order by (f.m).seq), '[]'),
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
        select nearest.seq, public.chat_message_json(nearest.m, a.author) as item
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

create or replace function public.chat_newest_messages_json(p_conversation public.conversations, p_limit integer) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select items from public.chat_message_range(
            p_conversation.id, p_conversation.last_seq - p_limit + 1, p_conversation.last_seq, p_conversation.last_seq,
            public.chat_page_bytes() / 2
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
    v_newest bigint;
    v_first bigint;
    v_last bigint;
    v_page record;
begin
    if p_user_id is not null then
        perform public.chat_require_member(p_conversation_id, p_user_id, p_issued_at);
    end if;
    select last_seq into v_newest from public.conversations where id = p_conversation_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    if p_after_date is not null then
        select seq - 1 into p_after_seq from public.messages
        where conversation_id = p_conversation_id and created_at > p_after_date
        order by created_at, seq limit 1;
        p_after_seq := coalesce(p_after_seq, v_newest);
    end if;
    v_last := case
        when p_before_seq is not null then p_before_seq - 1
        when p_after_seq is not null then p_after_seq + p_limit
        when p_around_seq is not null then greatest(p_around_seq + p_limit / 2, p_limit)
        else v_newest
    end;
    v_last := greatest(least(v_last, v_newest), 0);
    v_first := case when p_after_seq is not null then p_after_seq + 1 else v_last - p_limit + 1 end;
    v_first := least(greatest(v_first, 1), v_newest + 1);
    select * into v_page from public.chat_message_range(
        p_conversation_id, v_first, v_last,
        case when p_after_seq is not null then v_first else coalesce(p_around_seq, v_last) end,
        public.chat_page_bytes()
    );
    v_first := coalesce(v_page.first_seq, v_first);
    v_last := coalesce(v_page.last_seq, v_last);
    return json_build_object(
        'info', json_build_object(
            'first_seq', v_first, 'last_seq', v_last,
            'has_more_before', v_first > 1 and v_newest > 0, 'has_more_after', v_last < v_newest
        ),
        'items', v_page.items
    );
end $$;

-- p_draft: `{message, client_id}`. A send with a client_id happens once: the repeated one gets the message of the first.
-- While that is younger than a minute it is announced again: nobody may have heard of it, if its answer was lost.
create or replace function public.chat_send_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_author public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_message public.messages;
begin
    if p_draft ->> 'client_id' is not null then
        select * into v_message from public.messages
        where conversation_id = p_conversation_id and user_id = p_user_id and client_id = p_draft ->> 'client_id';
        if found then
            return public.chat_repeated_send_json(v_message, v_author, v_conversation);
        end if;
    end if;
    v_conversation := public.chat_next_version(p_conversation_id, 1, false);
    update public.user_conversation
    set last_read_seq = v_conversation.last_seq, last_delivered_seq = v_conversation.last_seq
    where conversation_id = p_conversation_id and user_id = p_user_id;
    insert into public.messages (conversation_id, user_id, message, client_id, seq, version, created_at)
    values (p_conversation_id, p_user_id, p_draft ->> 'message', p_draft ->> 'client_id',
            v_conversation.last_seq, v_conversation.version, v_conversation.last_activity_at)
    returning * into v_message;
    return public.chat_change_json(
        true, v_conversation.audience_version, public.chat_sent_message_json(v_message, v_author, v_conversation)
    );
end $$;

-- The conversation is shown as it was when the message was new: who repeats a send knows no later one.
create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_message_json(p_message, p_author),
        json_build_object(
            'conversations', public.chat_conversation_json_at(p_conversation, p_message.version, p_message.seq)
        )
    )
$$;

create or replace function public.chat_repeated_send_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$
    select public.chat_change_json(
        p_message.created_at > clock_timestamp() - interval '1 minute', p_conversation.audience_version,
        public.chat_sent_message_json(p_message, p_author, p_conversation)
    )
$$;

-- Send many messages, of whatever conversations, in one go. p_sends: `[{user_id, issued_at, conversation_id, message,
-- client_id}]`, no two of one sender with the same client_id in one conversation. Returns for each, in their order, what
-- chat_send_message returns, or `{status, code, detail}` for what it raises: a bad send does not fail its neighbours.
create or replace function public.chat_send_messages(p_sends jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_results json;
begin
    -- In one order, so that two batches never wait for each other in a circle.
    perform from public.conversations
    where id = any(array(select (send ->> 'conversation_id')::uuid from jsonb_array_elements(p_sends) as send))
    order by id
    for no key update;
    with sends as (
        select * from rows from (
            jsonb_to_recordset(p_sends)
            as (user_id uuid, issued_at double precision, conversation_id uuid, message text, client_id text)
        ) with ordinality as send (user_id, issued_at, conversation_id, message, client_id, place)
    ), checked as (
        select s.*, a.author, r.repeated, case
            when (a.author).id is null then 'user_not_found'
            when to_timestamp(s.issued_at) < (a.author).tokens_valid_from then 'token_invalid'
            when not exists (
                select from public.user_conversation as m
                where m.conversation_id = s.conversation_id and m.user_id = s.user_id
            ) then 'conversation_not_found'
        end as code
        from sends as s
        -- `limit 1`: looked up by the index, however many rows the planner expects
        left join lateral (select u as author from public.users as u where u.id = s.user_id limit 1) as a on true
        left join lateral (
            select m as repeated from public.messages as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id and m.client_id = s.client_id limit 1
        ) as r on s.client_id is not null
    ), numbered as (
        select conversation_id, user_id, message, client_id, place,
               row_number() over (partition by conversation_id order by place) as number,
               count(*) over (partition by conversation_id) as total
        from checked where code is null and (repeated).id is null
    ), advanced as (
        update public.conversations as c
        set version = c.version + n.total,
            last_seq = c.last_seq + n.total,
            last_activity_at = greatest(clock_timestamp(), c.last_activity_at + n.total * interval '1 microsecond')
        from (select conversation_id, total from numbered where number = 1) as n
        where c.id = n.conversation_id
        returning c as conversation
    ), inserted as (
        insert into public.messages as m (conversation_id, user_id, message, client_id, seq, version, created_at)
        select n.conversation_id, n.user_id, n.message, n.client_id,
               (conversation).last_seq - n.total + n.number, (conversation).version - n.total + n.number,
               (conversation).last_activity_at - (n.total - n.number) * interval '1 microsecond'
        from numbered as n join advanced on (conversation).id = n.conversation_id
        returning m as message
    ), pointers as (
        update public.user_conversation as m
        set last_read_seq = i.seq, last_delivered_seq = i.seq
        from (
            select (message).conversation_id, (message).user_id, max((message).seq) as seq from inserted group by 1, 2
        ) as i
        where m.conversation_id = i.conversation_id and m.user_id = i.user_id
    ), sent as (
        select n.place, i.message, a.conversation
        from numbered as n
        join advanced as a on (a.conversation).id = n.conversation_id
        join inserted as i on (i.message).conversation_id = n.conversation_id
            and (i.message).seq = (a.conversation).last_seq - n.total + n.number
    )
    select json_agg(case
        when c.code is not null then json_build_object(
            'status', case c.code when 'token_invalid' then 401 else 404 end, 'code', c.code,
            'detail', case c.code when 'token_invalid' then 'The token has been revoked.' end
        )
        when (c.repeated).id is not null then (
            select public.chat_repeated_send_json(c.repeated, c.author, v) from public.conversations as v
            where v.id = c.conversation_id
        )
        else public.chat_change_json(
            true, (s.conversation).audience_version, public.chat_sent_message_json(s.message, c.author, s.conversation)
        )
    end order by c.place) into v_results
    from checked as c left join sent as s on s.place = c.place;
    return v_results;
end $$;
