-- How people come into a conversation and go: each change is one version, its system message the next.

-- The first message that exists for who comes now, unless something else is said.
create or replace function public.chat_history_start(p_conversation public.conversations) returns bigint
language sql immutable
as $$ select case p_conversation.history when 'all' then 1 else p_conversation.last_seq + 1 end $$;

-- Make people members of a locked conversation, with everything read, and return it at its next version. Raises 404
-- user_not_found for one who was erased, perhaps while this waited for the conversation.
create or replace function public.chat_insert_members(
    p_conversation public.conversations, p_user_ids uuid[], p_role text, p_history_from bigint
) returns public.conversations
language plpgsql set search_path = ''
as $$
begin
    perform from public.users where id = any (p_user_ids) order by id for share;  -- nobody is erased from now on
    perform public.chat_require_users(p_user_ids);
    insert into public.user_conversation (
        conversation_id, user_id, role, joined_at, joined_version, history_from, last_read_seq, last_delivered_seq,
        read_system_count
    )
    select p_conversation.id, id, p_role, clock_timestamp(), p_conversation.version + 1, p_history_from,
           p_conversation.last_seq, p_conversation.last_seq, p_conversation.system_count
    from unnest(p_user_ids) as id;
    return public.chat_next_version(p_conversation.id, 0, true);
end $$;

-- What is told of people who have come: they hear newConversation, the others conversationUpdated. p_conversation: as it
-- is with them.
create or replace function public.chat_entered_json(
    p_conversation public.conversations, p_actor public.users, p_event text, p_user_ids uuid[],
    p_system_messages boolean, p_not_added uuid[]
) returns json
language plpgsql set search_path = ''
as $$
declare
    v_shared json := public.chat_shared_conversation_json(p_conversation);
begin
    return public.chat_change_json(
        true, p_conversation.audience_version, public.chat_with_not_added(v_shared, p_not_added),
        array_to_json(array[
            json_build_object('event', 'newConversation', 'payload', v_shared, 'user_ids', p_user_ids),
            json_build_object('event', 'conversationUpdated', 'payload', v_shared, 'except_user_ids', p_user_ids)
        ] || public.chat_add_system_message(
            p_system_messages, p_conversation.id, p_actor, public.chat_people_json(p_event, p_user_ids)
        ))
    );
end $$;

-- Let somebody into a locked conversation who comes of their own accord. A member already: nothing changes.
create or replace function public.chat_enter_conversation(
    p_conversation public.conversations, p_user public.users, p_system_messages boolean
) returns json
language plpgsql set search_path = ''
as $$
begin
    if exists (
        select from public.user_conversation where conversation_id = p_conversation.id and user_id = p_user.id
    ) then
        return public.chat_change_json(
            false, p_conversation.audience_version, public.chat_shared_conversation_json(p_conversation)
        );
    end if;
    return public.chat_entered_json(
        public.chat_insert_members(p_conversation, array[p_user.id], 'member', public.chat_history_start(p_conversation)),
        p_user, 'member_joined', array[p_user.id], p_system_messages, '{}'::uuid[]
    );
end $$;

-- Those of p_user_ids who exist, each once. Raises 404 user_not_found when one does not.
create or replace function public.chat_require_users(p_user_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
    v_unknown uuid;
begin
    select id into v_unknown from unnest(p_user_ids) as id
    where not exists (select from public.users as u where u.id = id.id and u.erased_at is null) limit 1;
    if found then
        raise exception using errcode = 'PT404', message = 'user_not_found', detail = 'There is no user ' || v_unknown || '.';
    end if;
    return array(select distinct id from unnest(p_user_ids) as id order by id);
end $$;

-- Those of p_user_ids who have blocked p_user_id, and so are not added by that user.
create or replace function public.chat_who_blocked(p_user_id uuid, p_user_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select user_id from public.chat_blocks where blocked_user_id = p_user_id and user_id = any(p_user_ids) order by user_id
    );
end $$;

-- A conversation as the answer to who adds people has it: where somebody was left out, `not_added` says whom.
create or replace function public.chat_with_not_added(p_shared json, p_user_ids uuid[]) returns json
language sql immutable
as $$
    select case
        when p_user_ids = '{}' then p_shared
        else public.chat_merge(p_shared, json_build_object('not_added', p_user_ids))
    end
$$;

create or replace function public.chat_require_group(p_conversation public.conversations) returns void
language plpgsql immutable set search_path = ''
as $$
begin
    if p_conversation.type = 'direct' then
        raise exception using errcode = 'PT403', message = 'not_allowed',
            detail = 'A direct conversation is of two people, for ever; archive it instead.';
    end if;
end $$;

-- p_draft: `{participant_ids, role?, history_from?}`, the last `all`, `now` or a number. Nobody gives more history than
-- they see.
create or replace function public.chat_add_members(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_actor public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_acting public.user_conversation := public.chat_get_member(p_conversation_id, p_user_id);
    v_role text := coalesce(p_draft ->> 'role', 'member');
    v_from text := p_draft ->> 'history_from';
    v_history_from bigint := public.chat_history_start(v_conversation);
    v_listed uuid[];
    v_blocking uuid[];
    v_new uuid[];
begin
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_acting);
    if v_role <> 'member' and public.chat_role(v_conversation, v_acting) <> 'owner' then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the owner gives roles.';
    end if;
    v_listed := public.chat_require_users(
        array(select id::uuid from jsonb_array_elements_text(p_draft -> 'participant_ids') as id)
    );
    v_new := array(
        select listed.id from unnest(v_listed) as listed (id) where not exists (
            select from public.user_conversation as m
            where m.conversation_id = p_conversation_id and m.user_id = listed.id
        )
    );
    v_blocking := public.chat_who_blocked(p_user_id, v_new);
    v_new := array(select id from unnest(v_new) as id where id <> all(v_blocking));
    if v_new = '{}' then
        return public.chat_change_json(false, v_conversation.audience_version, public.chat_with_not_added(
            public.chat_shared_conversation_json(v_conversation), v_blocking
        ));
    end if;
    if v_from is not null then
        v_history_from := case v_from
            when 'all' then 1 when 'now' then v_conversation.last_seq + 1
            else least(v_from::bigint, v_conversation.last_seq + 1)
        end;
        v_history_from := greatest(v_history_from, v_acting.history_from);
    end if;
    return public.chat_entered_json(
        public.chat_insert_members(v_conversation, v_new, v_role, v_history_from), v_actor, 'member_added', v_new,
        p_system_messages, v_blocking
    );
end $$;

-- Enter a public conversation. Raises 404 conversation_not_found for any other.
create or replace function public.chat_join_conversation(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations;
begin
    select * into v_conversation from public.conversations as c
    where c.id = p_conversation_id and (c.visibility = 'public' or exists (
        select from public.user_conversation as m where m.conversation_id = c.id and m.user_id = p_user_id
    ))
    for no key update;
    -- Asked again with the lock: a member may have been removed while this waited.
    if not found or v_conversation.visibility <> 'public' and not exists (
        select from public.user_conversation where conversation_id = p_conversation_id and user_id = p_user_id
    ) then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    return public.chat_enter_conversation(v_conversation, v_user, p_system_messages);
end $$;
