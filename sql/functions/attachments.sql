-- An attachment as clients see it, and as messages keep it.
create or replace function public.chat_attachment_json(p_attachment public.chat_attachments) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_attachment.id, 'name', p_attachment.name, 'type', p_attachment.type, 'size', p_attachment.size,
        'width', p_attachment.width, 'height', p_attachment.height,
        'created_at', public.chat_time(p_attachment.created_at),
        'url', '/attachments/' || p_attachment.id,
        'thumbnail_url', case when p_attachment.thumbnail_type is not null then '/attachments/' || p_attachment.id || '/thumbnail' end
    )
$$;

-- Note a file that is about to be stored, and return its id. p_file: `{name, type, size, width, height,
-- thumbnail_type, thumbnail_size}`.
create or replace function public.chat_add_attachment(p_user_id uuid, p_issued_at double precision, p_file jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id uuid;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    insert into public.chat_attachments (user_id, name, type, size, width, height, thumbnail_type, thumbnail_size)
    values (
        p_user_id, p_file ->> 'name', p_file ->> 'type', (p_file ->> 'size')::bigint, (p_file ->> 'width')::integer,
        (p_file ->> 'height')::integer, p_file ->> 'thumbnail_type', (p_file ->> 'thumbnail_size')::bigint
    )
    returning id into v_id;
    return to_json(v_id);
end $$;

-- The file is stored: from now on it can be read and sent. Returns the attachment.
create or replace function public.chat_finish_attachment(p_user_id uuid, p_issued_at double precision, p_attachment_id uuid) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_attachment public.chat_attachments;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    update public.chat_attachments set state = 'ready'
    where id = p_attachment_id and user_id = p_user_id and state in ('storing', 'ready')
    returning * into v_attachment;
    if not found then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return public.chat_attachment_json(v_attachment);
end $$;

-- An attachment that the caller may read, with `thumbnail_type` and `thumbnail_size`: of a message that the caller sees,
-- or the caller's own and not sent yet.
create or replace function public.chat_get_attachment(p_user_id uuid, p_issued_at double precision, p_attachment_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_attachment public.chat_attachments;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_attachment from public.chat_attachments where id = p_attachment_id and state = 'ready';
    if not found
       or v_attachment.sent_at is null and v_attachment.user_id <> p_user_id
       or v_attachment.sent_at is not null and not exists (
           select from public.messages as m join public.user_conversation as u on u.conversation_id = m.conversation_id
           where m.id = v_attachment.message_id and u.user_id = p_user_id and m.seq >= u.history_from
       )
    then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return public.chat_merge(public.chat_attachment_json(v_attachment), json_build_object(
        'thumbnail_type', v_attachment.thumbnail_type, 'thumbnail_size', v_attachment.thumbnail_size
    ));
end $$;

-- Lock a user's files that are to be sent. Raises 404 attachment_not_found for what is not the user's own, 409 attachment_used
-- for what belongs to a message.
create or replace function public.chat_lock_own_attachments(p_ids uuid[], p_user_id uuid) returns void
language plpgsql set search_path = ''
as $$
declare
    v_found integer;
    v_used boolean;
begin
    if cardinality(p_ids) = 0 then
        return;
    end if;
    -- In one order, so that two messages that name the same files never wait for each other in a circle.
    select count(*), bool_or(sent_at is not null) into v_found, v_used
    from (
        select sent_at from public.chat_attachments
        where id = any (p_ids) and user_id = p_user_id and state = 'ready'
        order by id for no key update
    ) as own;
    if v_found < (select count(distinct id) from unnest(p_ids) as id) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    if v_used then
        raise exception using errcode = 'PT409', message = 'attachment_used';
    end if;
end $$;

-- Give the files that a draft names to its message, in the draft's order, and return the message. Raises what
-- chat_lock_own_attachments raises.
create or replace function public.chat_attach(p_message public.messages, p_draft jsonb) returns public.messages
language plpgsql set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    if coalesce(p_draft -> 'attachments', '[]') = '[]' then
        return p_message;
    end if;
    select array_agg(id::uuid) into v_ids from jsonb_array_elements_text(p_draft -> 'attachments') as id;
    perform public.chat_lock_own_attachments(v_ids, p_message.user_id);
    update public.chat_attachments set message_id = p_message.id, sent_at = p_message.created_at where id = any (v_ids);
    update public.messages
    set attachments = (
        select jsonb_agg(public.chat_attachment_json(a) order by array_position(v_ids, a.id))
        from public.chat_attachments as a where a.id = any (v_ids)
    )
    where id = p_message.id
    returning * into p_message;
    return p_message;
end $$;

-- Take from a message the files that p_keep does not name: nobody can read them from now on, and the next sweep deletes
-- them. Returns the public JSON of those that are kept, in the order of p_keep, null for none. Raises 404
-- attachment_not_found for one that the message does not have.
create or replace function public.chat_release_attachments(p_message_id uuid, p_keep uuid[]) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    v_kept jsonb;
begin
    update public.chat_attachments set state = 'dead'
    where message_id = p_message_id and state <> 'dead' and id <> all (coalesce(p_keep, '{}'));
    if coalesce(cardinality(p_keep), 0) = 0 then
        return null;
    end if;
    select jsonb_agg(public.chat_attachment_json(a) order by array_position(p_keep, a.id)) into v_kept
    from public.chat_attachments as a where message_id = p_message_id and state = 'ready';
    if coalesce(jsonb_array_length(v_kept), 0) < (select count(distinct id) from unnest(p_keep) as id) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return v_kept;
end $$;

-- Claim files for deletion: released ones, those whose message is gone, and those that were not sent, or not even stored,
-- within p_seconds. What a scheduled message names is waited for. Returns up to p_limit ids: from now on nobody can read or
-- send them. They are returned again until chat_delete_attachments says that their files are gone.
create or replace function public.chat_claim_dead_attachments(p_seconds double precision, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_ids json;
begin
    with dead as materialized (  -- planned into the update, it might be run more than once and claim too many
        select id from public.chat_attachments as a
        where (message_id is null or state <> 'ready') and (
            state = 'dead' or sent_at is not null or created_at < now() - make_interval(secs => p_seconds) and not exists (
                select from public.chat_scheduled as s
                where s.user_id = a.user_id and s.draft -> 'attachments' ? a.id::text
            )
        )
        order by created_at limit p_limit
        for no key update skip locked
    ), claimed as (
        update public.chat_attachments as a set state = 'dead' from dead where a.id = dead.id returning a.id
    )
    select coalesce(json_agg(id), '[]') into v_ids from claimed;
    return v_ids;
end $$;

-- Forget claimed attachments whose files are gone. Returns how many.
create or replace function public.chat_delete_attachments(p_ids uuid[]) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_deleted bigint;
begin
    delete from public.chat_attachments where id = any (p_ids) and state = 'dead';
    get diagnostics v_deleted = row_count;
    return to_json(v_deleted);
end $$;

-- Of these ids those that no row has.
create or replace function public.chat_list_unknown_attachments(p_ids uuid[]) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(id), '[]') from unnest(p_ids) as id
        where not exists (select from public.chat_attachments as a where a.id = id.id)
    );
end $$;
