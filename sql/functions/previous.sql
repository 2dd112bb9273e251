-- The functions of the last release whose parameters or result have changed since: its processes may still run while
-- this file is applied. The next release drops them.

create or replace function public.chat_schema_version() returns json
language sql stable security definer set search_path = ''
as $$ select to_json(version) from public.chat_schema $$;

create or replace function public.chat_member_ids(p_conversation_id uuid) returns json
language sql stable
as $$ select json_agg(user_id) from public.user_conversation where conversation_id = p_conversation_id $$;

create or replace function public.chat_create_conversation(
    p_user_id uuid, p_issued_at double precision, p_participant_ids uuid[], p_name text
) returns json
language sql security definer set search_path = ''
as $$
    select json_build_object(
        'conversation', public.chat_create_conversation(
            p_user_id, p_issued_at, jsonb_build_object('name', p_name, 'participant_ids', p_participant_ids)
        ) -> 'result',
        'recipients', (select coalesce(json_agg(distinct id), '[]') from unnest(p_participant_ids) as id)
    )
$$;

create or replace function public.chat_send_message(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_message text, p_client_id text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_change json := public.chat_send_message(
        p_user_id, p_issued_at, p_conversation_id, jsonb_build_object('message', p_message, 'client_id', p_client_id)
    );
begin
    return json_build_object(
        'message', v_change -> 'result', 'recipients', public.chat_member_ids(p_conversation_id),
        'repeated', not (v_change ->> 'announce')::boolean
    );
end $$;

create or replace function public.chat_update_receipt(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision, p_read_seq bigint, p_delivered_seq bigint
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_change json := public.chat_update_receipt(
        p_user_id, p_issued_at, p_conversation_id,
        jsonb_build_object('read_seq', p_read_seq, 'delivered_seq', p_delivered_seq)
    );
begin
    return json_build_object(
        'receipt', v_change -> 'result',
        'recipients', case when (v_change ->> 'announce')::boolean
                           then public.chat_member_ids(p_conversation_id) else '[]'::json end
    );
end $$;

create or replace function public.chat_sync(
    p_user_id uuid, p_issued_at double precision, p_since jsonb, p_limit integer
) returns json
language sql stable security definer set search_path = ''
as $$ select public.chat_sync(p_user_id, p_issued_at, coalesce(p_since, '{}'), null, p_limit) $$;

create or replace function public.chat_messages_json(p_conversation_id uuid, p_first bigint, p_last bigint) returns json
language sql stable
as $$
    select coalesce(json_agg(public.chat_message_json(m, a.author) order by m.seq), '[]')
    from public.messages as m
    cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
    where m.conversation_id = p_conversation_id and m.seq between p_first and p_last
$$;

create or replace function public.chat_newest_messages_json(p_conversation_id uuid, p_limit integer) returns json
language sql stable
as $$
    select public.chat_newest_messages_json(c, null, p_limit) from public.conversations as c where c.id = p_conversation_id
$$;

create or replace function public.chat_message_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$ select public.chat_message_json(p_message, p_author, null) $$;

create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations
) returns json
language sql stable
as $$ select public.chat_sent_message_json(p_message, p_author, p_conversation, null) $$;

create or replace function public.chat_participants_json(p_conversation_id uuid) returns json
language sql stable
as $$ select public.chat_participants_json(c) from public.conversations as c where c.id = p_conversation_id $$;

create or replace function public.chat_counters_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$ select public.chat_own_json(p_conversation, p_member) $$;

create or replace function public.chat_require_member(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
end $$;

create or replace function public.chat_list_conversations(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_message_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_page json := public.chat_list_conversations(p_user_id, p_issued_at, p_limit, p_message_limit, true, case
        when p_before_at is not null then jsonb_build_object('pinned', false, 'at', p_before_at, 'id', p_before_id)
    end);
    v_next json := v_page -> 'info' -> 'next';
begin
    return json_build_object(
        'info', json_build_object('next', case
            when json_typeof(v_next) = 'object' then json_build_object('at', v_next -> 'at', 'id', v_next -> 'id')
        end),
        'items', v_page -> 'items'
    );
end $$;

create or replace function public.chat_list_receipts(p_conversation_id uuid, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_user public.users;
    v_member public.user_conversation;
begin
    v_user := public.chat_require_user(p_user_id, p_issued_at);
    v_member := public.chat_get_member(p_conversation_id, p_user_id);
    if not v_user.share_receipts then
        return json_build_array(public.chat_receipt_json(v_member));
    end if;
    return (
        select json_agg(public.chat_receipt_json(m) order by m.user_id)
        from public.user_conversation as m
        where m.conversation_id = p_conversation_id
          and (select share_receipts from public.users where id = m.user_id)
    );
end $$;
