create or replace function public.chat_user_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_user.id, 'username', p_user.username, 'created_at', public.chat_time(p_user.created_at),
        'avatar_url', p_user.avatar_url
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

-- Planned for each query anew: a rare name is found by its trigrams, a frequent one in the order of names. `coalesce`:
-- without statistics the planner takes `is null` for rare, and would sort all that match.
create or replace function public.chat_search_users(p_user_id uuid, p_issued_at double precision, p_query text) returns json
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    if v_pattern is null then
        return (
            select coalesce(json_agg(public.chat_user_json(u)), '[]')
            from (
                select * from public.users where id <> p_user_id and coalesce(erased_at is null, true)
                order by username, id limit 50
            ) as u
        );
    end if;
    return (
        select coalesce(json_agg(public.chat_user_json(u)), '[]')
        from (
            select * from public.users
            where username ilike v_pattern and id <> p_user_id and coalesce(erased_at is null, true)
            order by username, id limit 50
        ) as u
    );
end $$;
