-- Whether a webhook and push services are to hear of changes: what the settings of a server say when it starts.
create or replace function public.chat_set_listeners(p_webhook boolean, p_push boolean) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    update public.chat_listeners set webhook = p_webhook, push = p_push
    where (webhook, push) is distinct from (p_webhook, p_push);
    return 'null';
end $$;

-- The oldest changes of a conversation that the webhook has not heard of, up to p_limit: `[{id, event_id, type, created_at,
-- data}]`. `data` shows things as they are now; a later change follows.
create or replace function public.chat_list_webhook_events(p_conversation_id uuid, p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(json_build_object(
            'id', e.id, 'event_id', e.event_id, 'type', e.type, 'created_at', public.chat_time(e.created_at),
            'data', public.chat_webhook_data(e)
        ) order by e.id), '[]')
        from (
            select * from public.chat_webhook_events
            where conversation_id = p_conversation_id and dead_at is null order by id limit p_limit
        ) as e
    );
end $$;

create or replace function public.chat_webhook_data(p_event public.chat_webhook_events) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_about json;
begin
    select * into v_conversation from public.conversations where id = p_event.conversation_id;
    v_about := json_build_object(
        'conversation_id', p_event.conversation_id,
        'conversation', case when v_conversation.id is not null then public.chat_conversation_json(v_conversation) end
    );
    if p_event.type like 'member.%' then
        return public.chat_merge(v_about, json_build_object('user', (
            select public.chat_user_json(u) from public.users as u where u.id = (p_event.subject ->> 'user_id')::uuid
        )));
    elsif p_event.type like 'conversation.%' then
        return public.chat_merge(v_about, json_build_object('version', p_event.subject -> 'version'));
    end if;
    return public.chat_merge(v_about, json_build_object(
        'message', (
            select public.chat_message_json(m, u, null)
            from public.messages as m join public.users as u on u.id = m.user_id
            where m.id = (p_event.subject ->> 'message_id')::uuid
        ),
        'recipients', case when p_event.type = 'message.created' then (
            select coalesce(json_agg(json_build_object('user_id', r.user_id, 'online', public.chat_is_online(r.user_id))), '[]')
            from (
                select m.user_id from public.user_conversation as m join public.messages as s on s.conversation_id = m.conversation_id
                where s.id = (p_event.subject ->> 'message_id')::uuid and m.user_id <> s.user_id and s.seq >= m.history_from
                order by m.user_id limit 1000
            ) as r
        ) end
    ));
end $$;

-- The webhook has heard of these.
create or replace function public.chat_delete_webhook_events(p_ids bigint[]) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_webhook_events where id = any(p_ids);
    return 'null';
end $$;

-- A try has failed. An event that is older than p_seconds is given up. Returns whether it was.
create or replace function public.chat_fail_webhook_event(p_id bigint, p_error text, p_seconds double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_is_dead boolean;
begin
    update public.chat_webhook_events
    set last_error = p_error,
        dead_at = case when created_at < now() - make_interval(secs => p_seconds) then now() end
    where id = p_id
    returning dead_at is not null into v_is_dead;
    return to_json(coalesce(v_is_dead, true));
end $$;

-- The events that were given up: how many, and the latest p_limit.
create or replace function public.chat_list_dead_webhook_events(p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return json_build_object(
        'dead', (select count(*) from public.chat_webhook_events where dead_at is not null),
        'waiting', (select count(*) from public.chat_webhook_events where dead_at is null),
        'events', (
            select coalesce(json_agg(json_build_object(
                'id', id, 'event_id', event_id, 'type', type, 'conversation_id', conversation_id,
                'created_at', public.chat_time(created_at), 'last_error', last_error
            ) order by id desc), '[]')
            from (select * from public.chat_webhook_events where dead_at is not null order by id desc limit p_limit) as e
        )
    );
end $$;

-- Let the webhook hear again of what was given up, from the beginning of a day of tries. Returns how many those are.
create or replace function public.chat_redeliver_webhook_events() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_count integer;
begin
    update public.chat_webhook_events set dead_at = null, created_at = now() where dead_at is not null;
    get diagnostics v_count = row_count;
    perform public.chat_add_webhook_jobs();
    return to_json(v_count);
end $$;

-- Add the jobs of conversations whose events wait without one: an event that came while the last job was ending.
create or replace function public.chat_add_webhook_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
begin
    perform public.chat_add_job(
        'send_webhooks', jsonb_build_object('conversation_id', conversation_id), 'send_webhooks ' || conversation_id, null
    )
    from (select distinct conversation_id from public.chat_webhook_events where dead_at is null) as waiting;
    return 'null';
end $$;
