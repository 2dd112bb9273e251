-- One conversation, as the caller sees it.
create or replace function public.chat_get_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
begin
    return (
        select public.chat_own_conversation_json(c, v_member) from public.conversations as c where c.id = p_conversation_id
    );
end $$;

-- p_changes: `{name?, description?, avatar_url?, visibility?, history?, slow_mode_seconds?, frozen?,
-- retention_days?, custom?}`, the last merged. What changes nothing takes no version.
create or replace function public.chat_update_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_changes jsonb, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_old public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_new public.conversations;
    v_shared json;
    v_events json[];
begin
    perform public.chat_require_admin(v_old, public.chat_get_member(p_conversation_id, p_user_id));
    v_new := jsonb_populate_record(v_old, p_changes - 'custom');
    v_new.custom := public.chat_merge_custom(v_old.custom, coalesce(p_changes -> 'custom', '{}'));
    if v_new is not distinct from v_old then
        return public.chat_change_json(false, v_old.audience_version, public.chat_shared_conversation_json(v_old));
    end if;
    update public.conversations
    set name = v_new.name, description = v_new.description, avatar_url = v_new.avatar_url, visibility = v_new.visibility,
        history = v_new.history, slow_mode_seconds = v_new.slow_mode_seconds, frozen = v_new.frozen,
        retention_days = v_new.retention_days, custom = v_new.custom
    where id = p_conversation_id;
    v_new := public.chat_next_version(p_conversation_id, 0, false);
    v_shared := public.chat_shared_conversation_json(v_new);
    v_events := array[json_build_object('event', 'conversationUpdated', 'payload', v_shared)];
    return public.chat_change_json(true, v_new.audience_version, v_shared, array_to_json(
        v_events || public.chat_add_system_message(
            p_system_messages and v_new.name <> v_old.name, p_conversation_id, v_actor,
            public.chat_people_json('renamed', '{}') || jsonb_build_object('name', v_new.name)
        )
    ));
end $$;
