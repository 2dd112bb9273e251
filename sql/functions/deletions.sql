-- Delete a message, for its author or an admin. A second time nothing happens. The result is what is left of the message,
-- with what the root of its thread has become.
create or replace function public.chat_delete_message(p_user_id uuid, p_issued_at double precision, p_message_id uuid) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
    v_message public.messages;
    v_root_seq bigint;
    v_thread json;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    v_message := v_found.message;
    if v_message.user_id <> p_user_id or v_message.type <> 'text' then
        perform public.chat_require_admin(v_found.conversation, v_found.member);
    end if;
    if v_message.deleted_at is null then
        v_message := public.chat_make_tombstone(
            v_message, (public.chat_next_version(v_message.conversation_id, 0, false)).version
        );
    end if;
    v_root_seq := public.chat_root_seq(v_message);
    if v_root_seq is not null then
        v_thread := public.chat_thread_json(v_message.thread_id);
    end if;
    return public.chat_change_json(
        (v_found.message).deleted_at is null, (v_found.conversation).audience_version,
        public.chat_merge(
            (
                select public.chat_message_json(v_message, u, v_found.member)
                from public.users as u where u.id = v_message.user_id
            ),
            json_build_object('thread', case when v_root_seq >= (v_found.member).history_from then v_thread end)
        ),
        json_build_array(json_build_object('event', 'messageDeleted', 'payload', json_build_object(
            'id', v_message.id, 'conversation_id', v_message.conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'deleted_at', public.chat_time(v_message.deleted_at), 'thread', v_thread
        )))
    );
end $$;

-- Empty a message of a locked conversation at its next version: the text, its earlier ones, and all that was attached to
-- it. The root of its thread counts it no longer.
create or replace function public.chat_make_tombstone(p_message public.messages, p_version bigint) returns public.messages
language plpgsql set search_path = ''
as $$
begin
    if p_message.edited_at is not null then
        delete from public.chat_message_edits where message_id = p_message.id;
    end if;
    if p_message.reactions is not null then
        delete from public.chat_reactions where message_id = p_message.id;
    end if;
    if p_message.mentions is not null then
        delete from public.chat_mentions where message_id = p_message.id;
    end if;
    if p_message.attachments is not null then
        perform public.chat_release_attachments(p_message.id, null);
    end if;
    update public.messages
    set message = '', deleted_at = clock_timestamp(), version = p_version, edited_at = null, edited_version = null,
        reactions = null, mentions = null, attachments = null, pinned_at = null, custom = null
    where id = p_message.id
    returning * into p_message;
    update public.messages as root
    set version = p_version, reply_count = reply_count - 1,
        last_reply_at = case
            when last_reply_at > p_message.created_at then last_reply_at
            else (
                select created_at from public.messages
                where thread_id = root.id and deleted_at is null order by seq desc limit 1
            )
        end
    where id = p_message.thread_id;
    return p_message;
end $$;
