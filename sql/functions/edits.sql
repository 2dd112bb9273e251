-- A message and its conversation, locked for a change by a member. A message that the user may not see is not told from
-- one that does not exist.
create or replace function public.chat_lock_message(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision,
    out conversation public.conversations, out member public.user_conversation, out message public.messages
)
language plpgsql set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    conversation := public.chat_lock_if_member(
        (select conversation_id from public.messages where id = p_message_id), p_user_id
    );
    if conversation.id is null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    member := public.chat_get_member(conversation.id, p_user_id);
    message := public.chat_find_message(p_message_id, member);
end $$;

-- The same to read it, without the lock.
create or replace function public.chat_see_message(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision,
    out member public.user_conversation, out message public.messages
)
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select m.* into member
    from public.messages as t join public.user_conversation as m using (conversation_id)
    where t.id = p_message_id and m.user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    message := public.chat_find_message(p_message_id, member);
end $$;

-- Raises what forbids a member to change an existing message in a locked conversation: 404 message_not_found for a deleted
-- one, 403 frozen or blocked as for a send.
create or replace function public.chat_check_change(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if p_message.deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    if p_conversation.type = 'direct' and public.chat_is_blocked(p_conversation.id, p_member.user_id) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    if p_conversation.frozen and public.chat_role(p_conversation, p_member) = 'member' then
        raise exception using errcode = 'PT403', message = 'frozen';
    end if;
end $$;

create or replace function public.chat_get_message(p_user_id uuid, p_issued_at double precision, p_message_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_seen record;
begin
    select * into v_seen from public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    return (
        select public.chat_message_json(v_seen.message, u, v_seen.member)
        from public.users as u where u.id = (v_seen.message).user_id
    );
end $$;

-- What a change of a message returns: the message as the member sees it and, if it has changed, the event for all.
create or replace function public.chat_message_change_json(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages, p_has_changed boolean
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_author public.users;
begin
    select * into v_author from public.users where id = p_message.user_id;
    return public.chat_change_json(
        p_has_changed, p_conversation.audience_version, public.chat_message_json(p_message, v_author, p_member),
        case when p_has_changed then json_build_array(json_build_object(
            'event', 'messageUpdated', 'payload', public.chat_message_json(p_message, v_author, null),
            'root_seq', public.chat_root_seq(p_message)
        )) end
    );
end $$;

-- The number of the message to whose thread a message belongs; null when it belongs to none.
create or replace function public.chat_root_seq(p_message public.messages) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return case when p_message.thread_id is not null then
        (select seq from public.messages where id = p_message.thread_id)
    end;
end $$;

-- p_change: `{message?, mentions?, attachments?, custom?, version?}`. What is left out stays; attachments that are not
-- listed go, custom is merged. With a version: 409 version_conflict when the text, the mentions or custom were edited
-- after it.
create or replace function public.chat_edit_message(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_change jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_old public.messages;
    v_new public.messages;
    v_version bigint;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_old := v_found.message;
    perform public.chat_check_change(v_found.conversation, v_found.member, v_old);
    if v_old.user_id <> p_user_id or v_old.type <> 'text' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Only its author may edit a message, and nobody a system message.';
    end if;
    if (p_change ->> 'version')::bigint < v_old.edited_version then
        raise exception using errcode = 'PT409', message = 'version_conflict';
    end if;
    v_new := public.chat_edited_message(v_old, p_change);
    if v_new is not distinct from v_old then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_old, false);
    end if;
    v_version := (public.chat_next_version(v_old.conversation_id, 0, false)).version;
    if v_new.message <> v_old.message then
        insert into public.chat_message_edits (message_id, version, user_id, message, edited_at)
        values (v_old.id, v_old.version, v_old.user_id, v_old.message, coalesce(v_old.edited_at, v_old.created_at));
    end if;
    update public.messages
    set message = v_new.message, mentions = v_new.mentions, attachments = v_new.attachments, custom = v_new.custom,
        version = v_version,
        edited_at = case when v_new.message <> v_old.message then clock_timestamp() else edited_at end,
        edited_version = case
            when (v_new.message, v_new.mentions, v_new.custom) is distinct from (v_old.message, v_old.mentions, v_old.custom)
            then v_version else edited_version
        end
    where id = v_old.id
    returning * into v_new;
    if v_new.attachments is distinct from v_old.attachments then
        perform public.chat_release_attachments(
            v_new.id, array(select (kept ->> 'id')::uuid from jsonb_array_elements(v_new.attachments) as kept)
        );
    end if;
    if v_new.mentions is distinct from v_old.mentions then
        delete from public.chat_mentions where message_id = v_new.id;
        perform public.chat_note_mentions(v_new);
    end if;
    return public.chat_tell_sender(
        jsonb_build_object('message', v_new.message, 'mentions', p_change -> 'mentions'),
        public.chat_message_change_json(v_found.conversation, v_found.member, v_new, true)
    );
end $$;

-- A message as an edit leaves it. Raises 404 attachment_not_found for one that is not the message's, 422 when nothing is
-- left of it or custom has grown too large.
create or replace function public.chat_edited_message(p_message public.messages, p_change jsonb) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_old public.messages := p_message;
begin
    p_message.message := coalesce(p_change ->> 'message', v_old.message);
    if p_change ?| array['message', 'mentions'] then
        p_message.mentions := public.chat_mentioned(p_message.conversation_id, jsonb_build_object(
            'message', p_message.message,
            'mentions', coalesce(p_change -> 'mentions', to_jsonb(public.chat_listed_mentions(v_old)))
        ));
    end if;
    if p_change ? 'attachments' then
        p_message.attachments := public.chat_kept_attachments(v_old.attachments, p_change -> 'attachments');
    end if;
    if p_change ? 'custom' then
        p_message.custom := nullif(public.chat_merge_custom(v_old.custom, p_change -> 'custom'), '{}');
    end if;
    if p_message.message = '' and p_message.attachments is null then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"attachments": ["A message without text needs one."]}';
    end if;
    return p_message;
end $$;

-- Whom a message mentions besides those that its text names.
create or replace function public.chat_listed_mentions(p_message public.messages) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select unnest(p_message.mentions)
        except
        select unnest(public.chat_mentioned(p_message.conversation_id, jsonb_build_object('message', p_message.message)))
    );
end $$;

-- Those of a message's attachments that a list of ids names, null for none.
create or replace function public.chat_kept_attachments(p_attachments jsonb, p_ids jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_kept jsonb;
begin
    select jsonb_agg(attachment order by place) into v_kept
    from jsonb_array_elements(p_attachments) with ordinality as each (attachment, place)
    where p_ids ? (attachment ->> 'id');
    if jsonb_array_length(coalesce(v_kept, '[]')) < (select count(distinct id) from jsonb_array_elements_text(p_ids) as listed (id)) then
        raise exception using errcode = 'PT404', message = 'attachment_not_found';
    end if;
    return v_kept;
end $$;

-- The earlier texts of a message after the one of a version, the oldest first; none of a deleted one. A page ends early
-- after two mebibytes: `next` leads on.
create or replace function public.chat_list_message_edits(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_limit integer, p_after_version bigint
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row public.chat_message_edits;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last bigint;
    v_next bigint;
begin
    perform public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    for v_row in
        select * from public.chat_message_edits
        where message_id = p_message_id and version > coalesce(p_after_version, 0)
        order by version limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || json_build_object(
            'version', v_row.version, 'message', v_row.message, 'edited_at', public.chat_time(v_row.edited_at),
            'user_id', v_row.user_id
        );
        v_bytes := v_bytes + octet_length(v_items[cardinality(v_items)]::text);
        v_last := v_row.version;
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;
