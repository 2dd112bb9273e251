-- A message to send later: a row with its draft, and a job that names the row and its time. Another time is another job;
-- one whose time is not the row's any longer does nothing. The clock of the database decides.

create or replace function public.chat_scheduled_json(p_scheduled public.chat_scheduled) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_scheduled.id, 'conversation_id', p_scheduled.conversation_id, 'user_id', p_scheduled.user_id,
        'message', coalesce(p_scheduled.draft ->> 'message', ''), 'client_id', p_scheduled.draft -> 'client_id',
        'reply_to', p_scheduled.draft -> 'reply_to', 'thread_id', p_scheduled.draft -> 'thread_id',
        'mentions', coalesce(nullif(p_scheduled.draft -> 'mentions', 'null'), '[]'),
        'attachments', coalesce(nullif(p_scheduled.draft -> 'attachments', 'null'), '[]'),
        'custom', coalesce(nullif(p_scheduled.draft -> 'custom', 'null'), '{}'),
        'send_at', public.chat_time(p_scheduled.send_at), 'created_at', public.chat_time(p_scheduled.created_at),
        'failed', p_scheduled.failed
    )
$$;

-- Raises 422 for a time that is past, or more than a year ahead.
create or replace function public.chat_check_send_at(p_send_at timestamptz) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if p_send_at not between clock_timestamp() and clock_timestamp() + interval '1 year' then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"send_at": ["Must be a time to come, within a year."]}';
    end if;
end $$;

-- Raises 404 for messages that a draft answers and its sender cannot see, and what chat_lock_own_attachments raises.
create or replace function public.chat_check_draft(p_draft jsonb, p_member public.user_conversation) returns void
language plpgsql set search_path = ''
as $$
begin
    if p_draft ->> 'reply_to' is not null then
        perform public.chat_find_message((p_draft ->> 'reply_to')::uuid, p_member);
    end if;
    if p_draft ->> 'thread_id' is not null then
        perform public.chat_find_root((p_draft ->> 'thread_id')::uuid, p_member);
    end if;
    perform public.chat_lock_own_attachments(
        array(select id::uuid from jsonb_array_elements_text(nullif(p_draft -> 'attachments', 'null')) as id), p_member.user_id
    );
end $$;

create or replace function public.chat_send_job_key(p_scheduled public.chat_scheduled) returns text
language sql immutable
as $$ select 'send_scheduled ' || p_scheduled.id || ' ' || extract(epoch from p_scheduled.send_at) $$;

create or replace function public.chat_add_send_job(p_scheduled public.chat_scheduled) returns void
language sql
as $$
    select public.chat_add_job(
        'send_scheduled',
        jsonb_build_object('id', p_scheduled.id, 'user_id', p_scheduled.user_id,
                           'conversation_id', p_scheduled.conversation_id, 'send_at', p_scheduled.send_at),
        public.chat_send_job_key(p_scheduled), p_scheduled.send_at
    )
$$;

-- The job of a time that is none any more: it would wait for up to a year, and do nothing.
create or replace function public.chat_drop_send_job(p_scheduled public.chat_scheduled) returns void
language sql
as $$ delete from public.chat_jobs where key = public.chat_send_job_key(p_scheduled) and state = 'waiting' $$;

-- Schedule a draft for p_send_at. Repeated with the same client_id it is scheduled once.
create or replace function public.chat_schedule_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb, p_send_at timestamptz
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_scheduled public.chat_scheduled;
begin
    select * into v_scheduled from public.chat_scheduled
    where user_id = p_user_id and conversation_id = p_conversation_id and draft ->> 'client_id' = p_draft ->> 'client_id';
    if found then
        return public.chat_scheduled_json(v_scheduled);
    end if;
    perform public.chat_check_send_at(p_send_at);
    perform public.chat_check_draft(p_draft, v_member);
    if (select count(*) from public.chat_scheduled where user_id = p_user_id) >= 1000 then
        raise exception using errcode = 'PT409', message = 'too_many_scheduled';
    end if;
    insert into public.chat_scheduled (conversation_id, user_id, draft, send_at)
    values (p_conversation_id, p_user_id, p_draft, p_send_at)
    on conflict (user_id, conversation_id, (draft ->> 'client_id')) do nothing
    returning * into v_scheduled;
    if not found then  -- scheduled by the same request, sent twice, in this moment
        select * into v_scheduled from public.chat_scheduled
        where user_id = p_user_id and conversation_id = p_conversation_id and draft ->> 'client_id' = p_draft ->> 'client_id';
        return public.chat_scheduled_json(v_scheduled);
    end if;
    perform public.chat_add_send_job(v_scheduled);
    return public.chat_scheduled_json(v_scheduled);
end $$;

-- A page of what the user has scheduled, the soonest first; p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_scheduled(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row public.chat_scheduled;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select * from public.chat_scheduled
        where user_id = p_user_id and (send_at, id) > (
            coalesce(p_before_at, '-infinity'), coalesce(p_before_id, '00000000-0000-0000-0000-000000000000')
        )
        order by send_at, id limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_scheduled_json(v_row);
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.send_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;

-- The user's own scheduled message, locked: what is being sent at this moment is gone once it has been.
create or replace function public.chat_lock_scheduled(
    p_scheduled_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.chat_scheduled
language plpgsql set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_scheduled from public.chat_scheduled where id = p_scheduled_id and user_id = p_user_id for update;
    if not found then
        raise exception using errcode = 'PT404', message = 'scheduled_not_found';
    end if;
    return v_scheduled;
end $$;

-- A draft with the fields that p_changes has; custom is merged, as in an edit. Raises 422 when nothing is left of it, or custom
-- has grown too large.
create or replace function public.chat_changed_draft(p_draft jsonb, p_changes jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_draft jsonb := p_draft || p_changes;
begin
    if p_changes ? 'custom' then
        v_draft := v_draft || jsonb_build_object(
            'custom', public.chat_merge_custom(p_draft -> 'custom', p_changes -> 'custom')
        );
    end if;
    if coalesce(v_draft ->> 'message', '') = '' and coalesce(nullif(v_draft -> 'attachments', 'null'), '[]') = '[]' then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"attachments": ["A message without text needs one."]}';
    end if;
    return v_draft;
end $$;

-- Change the fields of a draft that p_changes has, and its time unless p_send_at is null. One that failed is tried again
-- only at another time.
create or replace function public.chat_update_scheduled(
    p_user_id uuid, p_issued_at double precision, p_scheduled_id uuid, p_changes jsonb, p_send_at timestamptz
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled := public.chat_lock_scheduled(p_scheduled_id, p_user_id, p_issued_at);
begin
    if p_send_at is not null then
        perform public.chat_check_send_at(p_send_at);
        perform public.chat_drop_send_job(v_scheduled);
    end if;
    perform public.chat_check_draft(p_changes, public.chat_get_member(v_scheduled.conversation_id, p_user_id));
    update public.chat_scheduled
    set draft = public.chat_changed_draft(draft, p_changes), send_at = coalesce(p_send_at, send_at),
        failed = case when p_send_at is null then failed end
    where id = p_scheduled_id returning * into v_scheduled;
    if p_send_at is not null then
        perform public.chat_add_send_job(v_scheduled);
    end if;
    return public.chat_scheduled_json(v_scheduled);
end $$;

create or replace function public.chat_delete_scheduled(
    p_user_id uuid, p_issued_at double precision, p_scheduled_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled := public.chat_lock_scheduled(p_scheduled_id, p_user_id, p_issued_at);
begin
    delete from public.chat_scheduled where id = p_scheduled_id;
    perform public.chat_drop_send_job(v_scheduled);
    return public.chat_scheduled_json(v_scheduled);
end $$;

-- Send a scheduled message, whose time was p_send_at: as its sender would at this moment, once, and everyone's sessions hear
-- of it. What forbids it is told to the sender, who keeps the draft; where slow mode does, it is sent later.
-- Nothing happens when it is gone, or its time has changed.
create or replace function public.chat_send_scheduled(p_scheduled_id uuid, p_send_at timestamptz) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_scheduled public.chat_scheduled;
    v_change json;
    v_code text;
    v_hint text;
begin
    -- The conversation first, as deleting it does.
    perform from public.conversations
    where id = (select conversation_id from public.chat_scheduled where id = p_scheduled_id) for no key update;
    select * into v_scheduled from public.chat_scheduled
    where id = p_scheduled_id and send_at = p_send_at and failed is null for update;
    if not found then
        return public.chat_change_json(false, 0, '{}');
    end if;
    begin
        v_change := public.chat_send_message(
            v_scheduled.user_id, null, v_scheduled.conversation_id,
            v_scheduled.draft || jsonb_build_object('client_id', coalesce(v_scheduled.draft ->> 'client_id', v_scheduled.id::text))
        );
        delete from public.chat_scheduled where id = p_scheduled_id;
        return public.chat_change_json(
            (v_change ->> 'announce')::boolean, (v_change ->> 'audience_version')::bigint, v_change -> 'result',
            json_build_array(json_build_object(
                'event', 'message', 'skips', 'nobody',
                'payload', coalesce(v_change #> '{events,0,payload}', v_change -> 'result')
            ))
        );
    exception when others then
        if sqlstate not like 'PT%' then
            raise;
        end if;
        get stacked diagnostics v_code = message_text, v_hint = pg_exception_hint;
    end;
    if v_code = 'slow_mode' then
        update public.chat_scheduled set send_at = clock_timestamp() + make_interval(secs => v_hint::integer)
        where id = p_scheduled_id returning * into v_scheduled;
        perform public.chat_add_send_job(v_scheduled);
        return public.chat_change_json(false, 0, '{}');
    end if;
    update public.chat_scheduled set failed = v_code where id = p_scheduled_id;
    return public.chat_change_json(
        true, (select audience_version from public.conversations where id = v_scheduled.conversation_id), '{}',
        json_build_array(json_build_object(
            'event', 'scheduledFailed', 'user_ids', json_build_array(v_scheduled.user_id),
            'payload', json_build_object(
                'id', v_scheduled.id, 'conversation_id', v_scheduled.conversation_id, 'code', v_code
            )
        ))
    );
end $$;
