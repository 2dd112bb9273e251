-- Remove a member, or leave where it is the caller. The owner is followed by the longest-standing admin, else member; the
-- last one out deletes the conversation. Who went follows no thread of it: who is added again starts anew. The result is
-- the participant as it was, with the version of the removal.
create or replace function public.chat_remove_member(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_member_id uuid, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
    v_member public.user_conversation;
    v_next public.conversations;
    v_events json[];
    v_result json;
begin
    perform public.chat_require_group(v_conversation);
    if p_member_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_acting);
    end if;
    v_member := public.chat_find_participant(p_conversation_id, p_member_id);
    if p_member_id <> p_user_id and public.chat_rank(public.chat_role(v_conversation, v_member))
                                    >= public.chat_rank(public.chat_role(v_conversation, v_acting)) then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner removes admins.';
    end if;
    v_result := public.chat_changed_participant_json(v_conversation, v_member, v_conversation.version + 1);
    v_events := array[json_build_object(
        'event', 'removedFromConversation', 'user_ids', array[p_member_id], 'payload',
        json_build_object('conversation_id', p_conversation_id, 'version', v_conversation.version + 1)
    )];
    delete from public.chat_thread_members
    where user_id = p_member_id and conversation_id = p_conversation_id and following;
    delete from public.user_conversation where conversation_id = p_conversation_id and user_id = p_member_id;
    if not public.chat_hand_over(v_conversation) then
        delete from public.conversations where id = p_conversation_id;
        return public.chat_change_json(true, v_conversation.audience_version, v_result, array_to_json(v_events));
    end if;
    v_next := public.chat_next_version(p_conversation_id, 0, true);
    return public.chat_change_json(true, v_next.audience_version, v_result, array_to_json(
        v_events || json_build_object(
            'event', 'conversationUpdated', 'payload', public.chat_shared_conversation_json(v_next)
        ) || public.chat_add_system_message(
            p_system_messages, p_conversation_id, v_actor, public.chat_people_json(
                case when p_member_id = p_user_id then 'member_left' else 'member_removed' end, array[p_member_id]
            )
        )
    ));
end $$;

-- See to it that the owner of a locked conversation is one of its members: the longest-standing admin, else member, follows
-- one who has left. Returns false when nobody is left.
create or replace function public.chat_hand_over(p_conversation public.conversations) returns boolean
language plpgsql set search_path = ''
as $$
declare
    v_heir uuid;
begin
    select user_id into v_heir from public.user_conversation
    where conversation_id = p_conversation.id
    order by user_id = p_conversation.owner_user_id desc, role = 'admin' desc, joined_at nulls first, user_id
    limit 1;
    if v_heir <> p_conversation.owner_user_id then
        update public.conversations set owner_user_id = v_heir where id = p_conversation.id;
    end if;
    return v_heir is not null;
end $$;

-- Delete a conversation, with everything in it.
create or replace function public.chat_delete_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_gone json;
    v_members uuid[];
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_conversation := public.chat_lock_conversation(p_conversation_id, p_user_id);
    if v_conversation.type = 'direct' or v_conversation.owner_user_id <> p_user_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner may do this.';
    end if;
    v_gone := json_build_object('conversation_id', p_conversation_id, 'version', v_conversation.version + 1);
    v_members := array(select user_id from public.user_conversation where conversation_id = p_conversation_id);
    delete from public.conversations where id = p_conversation_id;
    return public.chat_change_json(true, v_conversation.audience_version, v_gone, json_build_array(json_build_object(
        'event', 'conversationDeleted', 'payload', v_gone, 'user_ids', v_members
    )));
end $$;
