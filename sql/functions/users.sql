create or replace function public.chat_user_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_user.id, 'username', p_user.username, 'created_at', public.chat_time(p_user.created_at),
        'avatar_url', p_user.avatar_url
    )
$$;

-- A profile as everyone sees it, or with p_is_own as the person does.
create or replace function public.chat_profile_json(p_user public.users, p_is_own boolean) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_user_json(p_user),
        case
            when p_is_own then json_build_object(
                'about', p_user.about, 'custom', p_user.custom,
                'share_receipts', p_user.share_receipts, 'share_presence', p_user.share_presence,
                'notifications', public.chat_notifications(p_user.id)
            )
            else json_build_object('about', p_user.about, 'custom', p_user.custom)
        end
    )
$$;

-- The acting user. p_issued_at is when the token was issued (Unix seconds), null when no token speaks for the user.
create or replace function public.chat_require_user(p_user_id uuid, p_issued_at double precision) returns public.users
language plpgsql stable set search_path = ''
as $$
declare
    v_user public.users;
begin
    select * into v_user from public.users where id = p_user_id and erased_at is null;
    if not found then
        raise exception using errcode = 'PT404', message = 'user_not_found';
    end if;
    if to_timestamp(p_issued_at) < v_user.tokens_valid_from then
        raise exception using errcode = 'PT401', message = 'token_invalid', detail = 'The token has been revoked.';
    end if;
    return v_user;
end $$;

-- With p_user_id (the subject of an identity provider's token) the profile of that id is made, or renamed.
create or replace function public.chat_create_user(p_username text, p_user_id uuid, p_issued_at double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_user public.users;
begin
    insert into public.users (id, username)
    values (coalesce(p_user_id, gen_random_uuid()), p_username)
    on conflict (id) do update set username = excluded.username
    returning * into v_user;
    perform public.chat_require_user(v_user.id, p_issued_at);
    return public.chat_user_json(v_user);
end $$;

create or replace function public.chat_get_user(p_user_id uuid, p_issued_at double precision) returns json
language sql stable security definer set search_path = ''
as $$ select public.chat_user_json(public.chat_require_user(p_user_id, p_issued_at)) $$;

-- Raises 404 user_not_found for nobody, and for who was erased.
create or replace function public.chat_get_profile(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    return public.chat_profile_json(public.chat_require_user(p_target_id, null), p_user_id = p_target_id);
end $$;

-- Raises 403 not_allowed for who changes somebody else.
create or replace function public.chat_require_self(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    perform public.chat_require_user(p_target_id, null);
    if p_user_id <> p_target_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Only the user may do this.';
    end if;
end $$;

-- p_changes: those of `{username, avatar_url, about, custom, share_receipts, share_presence, notifications}` that change; custom
-- is merged.
-- Returns `{profile, public}`: the profile, and the part that everyone sees if that has changed, else null.
create or replace function public.chat_update_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_changes jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_before public.users;
    v_after public.users;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    select * into v_before from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- erased while this waited
    update public.users
    set username = coalesce(p_changes ->> 'username', username),
        avatar_url = case when p_changes ? 'avatar_url' then p_changes ->> 'avatar_url' else avatar_url end,
        about = case when p_changes ? 'about' then p_changes ->> 'about' else about end,
        custom = case when p_changes ? 'custom' then public.chat_merge_custom(custom, p_changes -> 'custom') else custom end,
        share_receipts = coalesce((p_changes ->> 'share_receipts')::boolean, share_receipts),
        share_presence = coalesce((p_changes ->> 'share_presence')::boolean, share_presence)
    where id = p_target_id
    returning * into v_after;
    if p_changes ? 'notifications' then
        insert into public.chat_push_preferences (user_id, notifications) values (p_target_id, p_changes ->> 'notifications')
        on conflict (user_id) do update set notifications = excluded.notifications;
    end if;
    return json_build_object(
        'profile', public.chat_profile_json(v_after, true),
        'public', case
            when (v_before.username, v_before.avatar_url, v_before.about, v_before.custom)
                 is distinct from (v_after.username, v_after.avatar_url, v_after.about, v_after.custom)
            then public.chat_profile_json(v_after, false)
        end
    );
end $$;

-- Those of some users, `{user_ids}`, who share a conversation with a user.
create or replace function public.chat_list_contacts(p_user_id uuid, p_among jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(id), '[]') from public.chat_contacts(
            p_user_id, array(select value::uuid from jsonb_array_elements_text(p_among -> 'user_ids'))
        ) as id
    );
end $$;

-- From the shorter side: the members of the user's conversations, or the conversations of all whom p_among names, who may
-- be everybody with a socket.
create or replace function public.chat_contacts(p_user_id uuid, p_among uuid[]) returns setof uuid
language plpgsql stable set search_path = ''
as $$
begin
    if cardinality(p_among) > 1000 and cardinality(p_among) > (
        select sum(coalesce(c.member_count, 1000)) from public.user_conversation as m
        cross join lateral (select member_count from public.conversations where id = m.conversation_id limit 1) as c
        where m.user_id = p_user_id
    ) then
        return query
            select distinct m.user_id from public.user_conversation as own
            cross join lateral (
                select user_id from public.user_conversation where conversation_id = own.conversation_id limit 100000
            ) as m
            where own.user_id = p_user_id and m.user_id <> p_user_id and m.user_id in (select unnest(p_among));
        return;
    end if;
    return query
        with own as materialized (
            select conversation_id from public.user_conversation where user_id = p_user_id
        ), theirs as materialized (
            select other as user_id, m.conversation_id from unnest(p_among) as other
            -- a limit: looked up by the index for each, however many rows the planner expects
            cross join lateral (select conversation_id from public.user_conversation where user_id = other limit 100000) as m
            where other <> p_user_id
        )
        select distinct theirs.user_id from theirs join own using (conversation_id);
end $$;

-- Without those of whom one has blocked the other. Planned for each query anew: a rare name is found by its trigrams, a
-- frequent one in the order of names. `coalesce`: without statistics the planner takes `is null` for rare, and would sort all
-- that match.
create or replace function public.chat_search_users(p_user_id uuid, p_issued_at double precision, p_query text) returns json
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
    v_hidden uuid[] := public.chat_blocked_with(p_user_id) || p_user_id;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    if v_pattern is null then
        return (
            select coalesce(json_agg(public.chat_user_json(u)), '[]')
            from (
                select * from public.users where id <> all(v_hidden) and coalesce(erased_at is null, true)
                order by username, id limit 50
            ) as u
        );
    end if;
    return (
        select coalesce(json_agg(public.chat_user_json(u)), '[]')
        from (
            select * from public.users
            where username ilike v_pattern and id <> all(v_hidden) and coalesce(erased_at is null, true)
            order by username, id limit 50
        ) as u
    );
end $$;
