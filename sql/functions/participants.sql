-- A member whom somebody names in a conversation of theirs. Raises 404 user_not_found.
create or replace function public.chat_find_participant(p_conversation_id uuid, p_member_id uuid) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    select * into v_member from public.user_conversation
    where conversation_id = p_conversation_id and user_id = p_member_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'user_not_found',
            detail = 'This user is no member of the conversation.';
    end if;
    return v_member;
end $$;

-- A participant with the version at which that is so.
create or replace function public.chat_changed_participant_json(
    p_conversation public.conversations, p_member public.user_conversation, p_version bigint
) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select public.chat_merge(
            public.chat_participant_json(p_conversation, p_member, u),
            json_build_object('conversation_id', p_conversation.id, 'version', p_version)
        )
        from public.users as u where u.id = p_member.user_id
    );
end $$;

-- A page of a conversation's members, the longest-standing first. p_after: the cursor `{at, id}`, whose `at` is null among
-- the members of before there was a time.
create or replace function public.chat_list_members(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_after jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_at timestamptz := (p_after ->> 'at')::timestamptz;
    v_id uuid := (p_after ->> 'id')::uuid;
    v_conversation public.conversations;
    v_items json;
    v_count integer;
    v_next json;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    with found as materialized (
        (
            select m from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.joined_at is null and v_at is null
              and (v_id is null or m.user_id > v_id)
            order by m.user_id limit p_limit + 1
        )
        union all
        (
            select m from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.joined_at is not null
              and (v_at is null or (m.joined_at, m.user_id) > (v_at, v_id))
            order by m.joined_at, m.user_id limit p_limit + 1
        )
    ), numbered as (
        select m, row_number() over (order by (m).joined_at nulls first, (m).user_id) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_participant_json(v_conversation, n.m, u) order by n.place)
                    filter (where n.place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((n.m).joined_at), 'id', (n.m).user_id))
               filter (where n.place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered as n
    cross join lateral (select * from public.users where id = (n.m).user_id limit 1) as u
    where n.place <= p_limit + 1;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- p_changes: `{role?, custom?}`. Roles are given by the owner; with `owner` the conversation is handed over, and its old
-- owner becomes an admin. `custom` is merged, by the member or an admin.
create or replace function public.chat_update_member(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_member_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_acting public.user_conversation;
    v_member public.user_conversation;
    v_old json;
    v_custom jsonb;
    v_role text;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_conversation := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting := public.chat_get_member(p_conversation_id, p_user_id);
    v_member := public.chat_find_participant(p_conversation_id, p_member_id);
    v_old := public.chat_changed_participant_json(v_conversation, v_member, v_conversation.version);
    v_role := coalesce(p_changes ->> 'role', public.chat_role(v_conversation, v_member));
    v_custom := public.chat_merge_custom(v_member.custom, coalesce(p_changes -> 'custom', '{}'));
    if p_changes ? 'custom' and p_member_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_acting);
    end if;
    if v_role <> public.chat_role(v_conversation, v_member) then
        perform public.chat_give_role(v_conversation, v_acting, v_member, v_role);
    elsif v_custom = v_member.custom then
        return public.chat_change_json(false, v_conversation.audience_version, v_old);
    end if;
    update public.user_conversation set custom = v_custom where id = v_member.id;
    v_conversation := public.chat_next_version(p_conversation_id, 0, false);
    return public.chat_change_json(
        true, v_conversation.audience_version,
        public.chat_changed_participant_json(
            v_conversation, public.chat_get_member(p_conversation_id, p_member_id), v_conversation.version
        ),
        json_build_array(json_build_object(
            'event', 'conversationUpdated', 'payload', public.chat_shared_conversation_json(v_conversation)
        ))
    );
end $$;

-- Give a member of a locked conversation another role. Raises 403 not_allowed.
create or replace function public.chat_give_role(
    p_conversation public.conversations, p_acting public.user_conversation, p_member public.user_conversation, p_role text
) returns void
language plpgsql set search_path = ''
as $$
begin
    perform public.chat_require_group(p_conversation);
    if public.chat_role(p_conversation, p_acting) <> 'owner' then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner gives roles.';
    end if;
    if p_member.user_id = p_acting.user_id then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Make somebody else the owner: the old one is an admin then.';
    end if;
    if p_role = 'owner' then
        update public.conversations set owner_user_id = p_member.user_id where id = p_conversation.id;
        update public.user_conversation set role = 'admin' where id = p_acting.id;
    else
        update public.user_conversation set role = p_role where id = p_member.id;
    end if;
end $$;

-- p_changes: `{pinned?, archived?, muted_until?, notifications?}`, the caller's own. Others hear nothing of it, and it has no version.
create or replace function public.chat_update_member_settings(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_old public.user_conversation;
    v_new public.user_conversation;
    v_settings json;
begin
    perform public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    select * into v_conversation from public.conversations where id = p_conversation_id;
    select * into v_old from public.user_conversation
    where conversation_id = p_conversation_id and user_id = p_user_id for update;
    if not found or v_conversation.id is null then  -- removed in this moment, or deleted
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    v_new := jsonb_populate_record(v_old, p_changes - 'archived');
    v_new.archived_at_count := case p_changes ->> 'archived'
        when 'true' then v_conversation.last_seq - v_conversation.system_count
        when 'false' then null
        else v_old.archived_at_count
    end;
    if v_new is distinct from v_old then
        update public.user_conversation
        set pinned = v_new.pinned, muted_until = v_new.muted_until, archived_at_count = v_new.archived_at_count,
            notifications = v_new.notifications
        where id = v_old.id;
    end if;
    v_settings := json_build_object(
        'conversation_id', p_conversation_id, 'pinned', v_new.pinned,
        'archived', public.chat_is_archived(v_conversation, v_new), 'muted_until', public.chat_time(v_new.muted_until),
        'notifications', v_new.notifications
    );
    return public.chat_change_json(
        v_new is distinct from v_old, v_conversation.audience_version, v_settings,
        json_build_array(json_build_object(
            'event', 'conversationSettings', 'payload', v_settings, 'user_ids', array[p_user_id]
        ))
    );
end $$;
