create or replace function public.chat_invite_json(p_invite public.chat_invites) returns json
language sql stable
as $$
    select json_build_object(
        'code', p_invite.code, 'conversation_id', p_invite.conversation_id, 'user_id', p_invite.user_id,
        'uses_left', p_invite.uses_left, 'expires_at', public.chat_time(p_invite.expires_at),
        'created_at', public.chat_time(p_invite.created_at)
    )
$$;

-- An invite that can still be used. Raises 404 invite_not_found, also for one that has expired.
create or replace function public.chat_find_invite(p_code text) returns public.chat_invites
language plpgsql stable set search_path = ''
as $$
declare
    v_invite public.chat_invites;
begin
    select * into v_invite from public.chat_invites
    where code = p_code and (expires_at is null or expires_at > clock_timestamp());
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    return v_invite;
end $$;

-- p_code: made by the server, not to be guessed. p_draft: `{expires_in?, uses?}`, seconds and how many may use it.
create or replace function public.chat_create_invite(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_code text, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_conversation public.conversations;
    v_invite public.chat_invites;
begin
    -- The lock that deleting takes too: there is no invite to a conversation that is gone.
    select * into v_conversation from public.conversations where id = p_conversation_id for key share;
    if not found then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_member);
    delete from public.chat_invites where conversation_id = p_conversation_id and expires_at < clock_timestamp();
    insert into public.chat_invites (code, conversation_id, user_id, uses_left, expires_at)
    values (
        p_code, p_conversation_id, p_user_id, (p_draft ->> 'uses')::integer,
        clock_timestamp() + make_interval(secs => (p_draft ->> 'expires_in')::integer)
    )
    returning * into v_invite;
    return public.chat_invite_json(v_invite);
end $$;

-- A page of the invites that can still be used, the newest first; p_before: the cursor `{at, code}`.
create or replace function public.chat_list_invites(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_limit integer, p_before jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_acting_member(p_conversation_id, p_user_id, p_issued_at);
    v_conversation public.conversations;
    v_items json;
    v_count integer;
    v_next json;
begin
    select * into v_conversation from public.conversations where id = p_conversation_id;
    perform public.chat_require_group(v_conversation);
    perform public.chat_require_admin(v_conversation, v_member);
    with found as materialized (
        select i from public.chat_invites as i
        where i.conversation_id = p_conversation_id and (i.expires_at is null or i.expires_at > now())
          and (p_before is null or (i.created_at, i.code) < ((p_before ->> 'at')::timestamptz, p_before ->> 'code'))
        order by i.created_at desc, i.code desc
        limit p_limit + 1
    ), numbered as (
        select i, row_number() over (order by (i).created_at desc, (i).code desc) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_invite_json(i) order by place) filter (where place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((i).created_at), 'code', (i).code))
               filter (where place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- What an invite says to whoever has it: a name and a number; to a member also which conversation it is.
create or replace function public.chat_get_invite(p_user_id uuid, p_issued_at double precision, p_code text) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_invite public.chat_invites;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_invite := public.chat_find_invite(p_code);
    return (
        select json_build_object(
            'code', p_code, 'name', c.name,
            'member_count', coalesce(c.member_count, public.chat_count_members(c.id)),
            'conversation_id', (
                select m.conversation_id from public.user_conversation as m
                where m.conversation_id = c.id and m.user_id = p_user_id
            )
        )
        from public.conversations as c where c.id = v_invite.conversation_id
    );
end $$;

-- Which conversation an invite leads to, for ever. Raises 404 invite_not_found.
create or replace function public.chat_get_invite_conversation(p_code text) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return json_build_object('conversation_id', (public.chat_find_invite(p_code)).conversation_id);
end $$;

-- Enter a conversation by an invite. Of two who take the last use at once one gets in. A member already uses nothing.
create or replace function public.chat_accept_invite(
    p_user_id uuid, p_issued_at double precision, p_code text, p_system_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_invite public.chat_invites := public.chat_find_invite(p_code);
    v_conversation public.conversations;
    v_change json;
begin
    select * into v_conversation from public.conversations where id = v_invite.conversation_id for no key update;
    perform from public.chat_invites where code = p_code for update;  -- after the conversation, as deleting it does
    v_invite := public.chat_find_invite(p_code);  -- used up or taken back while this waited?
    v_change := public.chat_enter_conversation(v_conversation, v_user, p_system_messages);
    if (v_change ->> 'announce')::boolean then
        update public.chat_invites set uses_left = uses_left - 1 where code = p_code;
        delete from public.chat_invites where code = p_code and uses_left = 0;
    end if;
    return v_change;
end $$;

-- Take an invite back: whoever made it, and the admins. Raises 404 invite_not_found, also for who is no member.
create or replace function public.chat_delete_invite(p_user_id uuid, p_issued_at double precision, p_code text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_member public.user_conversation;
    v_invite public.chat_invites;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_invite := public.chat_find_invite(p_code);
    select * into v_conversation from public.conversations where id = v_invite.conversation_id;
    select * into v_member from public.user_conversation
    where conversation_id = v_invite.conversation_id and user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    if v_invite.user_id <> p_user_id then
        perform public.chat_require_admin(v_conversation, v_member);
    end if;
    delete from public.chat_invites where code = p_code returning * into v_invite;
    if not found then
        raise exception using errcode = 'PT404', message = 'invite_not_found';
    end if;
    return public.chat_invite_json(v_invite);
end $$;
