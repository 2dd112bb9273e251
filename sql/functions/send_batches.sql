-- Send many messages that are nothing but text, of whatever conversations, in one go. p_sends: `[{user_id, issued_at, conversation_id, message,
-- client_id}]`, no two of one sender with the same client_id in one conversation. Returns for each, in their order, what
-- chat_send_message returns, or `{status, code, detail}` for what it raises: a bad send does not fail its neighbours. Null
-- for one in a conversation with rules that single sends check: nothing was done, send it alone.
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
        select s.*, a.author, r.repeated, v.conversation, case
            when (a.author).id is null or (a.author).erased_at is not null then 'user_not_found'
            when to_timestamp(s.issued_at) < (a.author).tokens_valid_from then 'token_invalid'
            when b.is_member is null then 'conversation_not_found'
            when (r.repeated).id is not null then null
            when (v.conversation).type = 'direct' and public.chat_is_blocked(s.conversation_id, s.user_id) then 'blocked'
            when (v.conversation).frozen or (v.conversation).slow_mode_seconds > 0 then 'send_alone'
        end as code
        from sends as s
        -- `limit 1`: looked up one by one, however many rows the planner expects
        left join lateral (select u as author from public.users as u where u.id = s.user_id limit 1) as a on true
        left join lateral (
            select true as is_member from public.user_conversation as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id limit 1
        ) as b on true
        left join lateral (
            select m as repeated from public.messages as m
            where m.conversation_id = s.conversation_id and m.user_id = s.user_id and m.client_id = s.client_id limit 1
        ) as r on s.client_id is not null
        left join lateral (
            select c as conversation from public.conversations as c where c.id = s.conversation_id limit 1
        ) as v on true
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
        insert into public.messages as m (
            conversation_id, user_id, message, client_id, seq, version, created_at, system_count
        )
        select n.conversation_id, n.user_id, n.message, n.client_id,
               (conversation).last_seq - n.total + n.number, (conversation).version - n.total + n.number,
               (conversation).last_activity_at - (n.total - n.number) * interval '1 microsecond',
               (conversation).system_count
        from numbered as n join advanced on (conversation).id = n.conversation_id
        returning m as message
    ), pointers as (
        update public.user_conversation as m
        set last_read_seq = i.seq, last_delivered_seq = i.seq, read_system_count = i.system_count, last_sent_at = i.at
        from (
            select (message).conversation_id, (message).user_id, max((message).seq) as seq,
                   max((message).system_count) as system_count, max((message).created_at) as at
            from inserted group by 1, 2
        ) as i
        where m.conversation_id = i.conversation_id and m.user_id = i.user_id
    ), sent as (
        select n.place, i.message
        from numbered as n
        join advanced as a on (a.conversation).id = n.conversation_id
        join inserted as i on (i.message).conversation_id = n.conversation_id
            and (i.message).seq = (a.conversation).last_seq - n.total + n.number
    )
    select json_agg(case
        when c.code = 'send_alone' then null
        when c.code is not null then json_build_object(
            'status', case c.code when 'token_invalid' then 401 when 'blocked' then 403 else 404 end, 'code', c.code,
            'detail', case c.code when 'token_invalid' then 'The token has been revoked.' end
        )
        when (c.repeated).id is not null then public.chat_repeated_send_json(
            c.repeated, c.author, c.conversation, public.chat_get_member(c.conversation_id, c.user_id)
        )
        else public.chat_change_json(
            true, (c.conversation).audience_version, public.chat_sent_message_json(s.message, c.author, c.conversation, null)
        )
    end order by c.place) into v_results
    from checked as c left join sent as s on s.place = c.place;
    return v_results;
end $$;
