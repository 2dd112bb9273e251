-- Nobody owns a direct conversation: its `owner_user_id` is who made it.
create or replace function public.chat_role(p_conversation public.conversations, p_member public.user_conversation) returns text
language sql immutable
as $$
    select case
        when p_conversation.type = 'direct' then 'member'
        when p_conversation.owner_user_id = p_member.user_id then 'owner'
        else p_member.role
    end
$$;

create or replace function public.chat_rank(p_role text) returns integer
language sql immutable
as $$ select array_position(array['member', 'admin', 'owner'], p_role) $$;

-- The 100 members who are in the conversation longest, by name.
create or replace function public.chat_participants_json(p_conversation public.conversations) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(
            public.chat_participant_json(p_conversation, first.m, u) order by u.username, u.id
        ), '[]')
        from (
            select m from public.user_conversation as m where m.conversation_id = p_conversation.id
            order by m.joined_at nulls first, m.user_id limit 100
        ) as first
        -- `limit 1`: each user is looked up by its id, however many rows the planner expects
        cross join lateral (select * from public.users where id = (first.m).user_id limit 1) as u
    );
end $$;

create or replace function public.chat_participant_json(
    p_conversation public.conversations, p_member public.user_conversation, p_user public.users
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_user_json(p_user),
        json_build_object(
            'role', public.chat_role(p_conversation, p_member),
            'joined_at', public.chat_time(coalesce(p_member.joined_at, p_conversation.created_at)),
            'custom', p_member.custom
        )
    )
$$;

-- How many messages of type text come after a member's pointer.
create or replace function public.chat_unread_count(
    p_conversation public.conversations, p_member public.user_conversation
) returns bigint
language sql immutable
as $$
    select p_conversation.last_seq - p_conversation.system_count - p_member.last_read_seq + p_member.read_system_count
$$;

-- What is a member's own in a conversation: pointers and settings. Archived is what has no new text since it was, or is
-- muted.
create or replace function public.chat_own_json(p_conversation public.conversations, p_member public.user_conversation) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', public.chat_unread_count(p_conversation, p_member),
        'last_read_seq', p_member.last_read_seq, 'last_delivered_seq', p_member.last_delivered_seq,
        'pinned', p_member.pinned, 'archived', public.chat_is_archived(p_conversation, p_member),
        'muted_until', public.chat_time(p_member.muted_until), 'notifications', p_member.notifications
    )
$$;

create or replace function public.chat_is_archived(
    p_conversation public.conversations, p_member public.user_conversation
) returns boolean
language sql stable
as $$
    select p_member.archived_at_count is not null and (
        p_member.archived_at_count = p_conversation.last_seq - p_conversation.system_count
        or coalesce(p_member.muted_until > now(), false)
    )
$$;

-- The acting user as a member. A conversation that the user does not belong to is not told from one that does not exist.
create or replace function public.chat_acting_member(
    p_conversation_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    return public.chat_get_member(p_conversation_id, p_user_id);
end $$;

create or replace function public.chat_get_member(p_conversation_id uuid, p_user_id uuid) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    select * into v_member from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return v_member;
end $$;

-- Raises 403 not_allowed for a member who is neither the owner nor an admin.
create or replace function public.chat_require_admin(
    p_conversation public.conversations, p_member public.user_conversation
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if public.chat_role(p_conversation, p_member) = 'member' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'Only the owner and the admins of the conversation may do this.';
    end if;
end $$;
