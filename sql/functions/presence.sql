-- What a process says of its sockets, and asks of those of the others. p_report: `{process, lease, is_whole, online, offline,
-- seconds, watched}`: whose first socket came and whose last one went, with `is_whole` all who have one; the process counts as
-- alive for `lease` seconds. Returns `{is_known, changes}`: whether the database knows the process, else nothing was done and
-- the whole is to be said; and who came or went anywhere in the last `seconds`, of `watched` unless that is null.
create or replace function public.chat_update_presence(p_report jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_process text := p_report ->> 'process';
    v_alive_until timestamptz := now() + make_interval(secs => (p_report ->> 'lease')::double precision);
    v_online uuid[] := array(select value::uuid from jsonb_array_elements_text(p_report -> 'online'));
    v_offline uuid[] := array(select value::uuid from jsonb_array_elements_text(p_report -> 'offline'));
begin
    perform public.chat_end_processes();
    if (p_report ->> 'is_whole')::boolean then
        insert into public.chat_processes (process, alive_until) values (v_process, v_alive_until)
        on conflict (process) do update set alive_until = excluded.alive_until;
        v_offline := array(
            select user_id from public.chat_presence where process = v_process and online and user_id <> all(v_online)
        );
    else
        update public.chat_processes set alive_until = v_alive_until where process = v_process;
        if not found then
            return json_build_object('is_known', false, 'changes', '[]'::json);
        end if;
    end if;
    insert into public.chat_presence (user_id, process, online)
    select id, v_process, true from unnest(v_online) as id order by id
    on conflict (user_id, process) do update set online = true, changed_at = excluded.changed_at
    where not chat_presence.online;
    perform public.chat_end_presence(array(
        select user_id from public.chat_presence where process = v_process and online and user_id = any(v_offline)
    ), v_process);
    -- The others have noticed long ago.
    delete from public.chat_presence where not online and changed_at < now() - interval '10 minutes';
    return json_build_object('is_known', true, 'changes', public.chat_presence_changes(p_report));
end $$;

-- Processes that have not been heard of in time have gone, with all of their sockets.
create or replace function public.chat_end_processes() returns void
language plpgsql set search_path = ''
as $$
declare
    v_process text;
begin
    for v_process in
        delete from public.chat_processes where alive_until < now() returning process
    loop
        perform public.chat_end_presence(
            array(select user_id from public.chat_presence where process = v_process and online), v_process
        );
    end loop;
end $$;

-- The last sockets of some users on a process have gone: who has none on another is seen no longer.
create or replace function public.chat_end_presence(p_user_ids uuid[], p_process text) returns void
language plpgsql set search_path = ''
as $$
begin
    update public.chat_presence set online = false, changed_at = clock_timestamp()
    where process = p_process and user_id = any(p_user_ids);
    perform from public.users where id = any(p_user_ids) order by id for no key update;
    update public.users as u set last_seen_at = now()
    where u.id = any(p_user_ids) and u.erased_at is null and not public.chat_is_online(u.id);
end $$;

create or replace function public.chat_is_online(p_user_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
    return exists (
        select from public.chat_presence as p join public.chat_processes as alive using (process)
        where p.user_id = p_user_id and p.online and alive.alive_until > now()
    );
end $$;

create or replace function public.chat_presence_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object(
        'user_id', p_user.id, 'online', public.chat_is_online(p_user.id),
        'last_seen_at', public.chat_time(p_user.last_seen_at)
    )
$$;

create or replace function public.chat_presence_changes(p_report jsonb) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_since timestamptz := now() - make_interval(secs => (p_report ->> 'seconds')::double precision);
    v_watched uuid[];
begin
    if v_since is null then
        return '[]';
    end if;
    if jsonb_typeof(p_report -> 'watched') = 'array' then
        v_watched := array(select value::uuid from jsonb_array_elements_text(p_report -> 'watched'));
    end if;
    return (
        select coalesce(json_agg(public.chat_presence_json(u)), '[]')
        from (
            select distinct user_id from public.chat_presence
            where changed_at > v_since and (v_watched is null or user_id = any(v_watched))
        ) as changed
        join public.users as u on u.id = changed.user_id and u.erased_at is null
    );
end $$;

-- The presence of some users as another one sees it: of those who share a conversation with that user. `visible` is false,
-- and they look as if they had never been here, where one of the two shares no presence or has blocked the other.
create or replace function public.chat_presence_seen_by(p_user public.users, p_user_ids uuid[]) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_blocked uuid[] := public.chat_blocked_with(p_user.id);
begin
    return (
        select coalesce(json_agg(
            case
                when p_user.share_presence and u.share_presence and u.id <> all(v_blocked)
                then public.chat_merge(public.chat_presence_json(u), '{"visible": true}')
                else json_build_object('user_id', u.id, 'online', false, 'last_seen_at', null, 'visible', false)
            end order by u.id
        ), '[]')
        from public.chat_contacts(p_user.id, p_user_ids) as contact
        cross join lateral (select * from public.users where id = contact and erased_at is null limit 1) as u
    );
end $$;

create or replace function public.chat_watch_presence(
    p_user_id uuid, p_issued_at double precision, p_watch jsonb
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return public.chat_presence_seen_by(
        public.chat_require_user(p_user_id, p_issued_at),
        array(select value::uuid from jsonb_array_elements_text(p_watch -> 'user_ids'))
    );
end $$;

-- The same for many who watch, `{user: [users]}`, by user.
create or replace function public.chat_check_watches(p_watches jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_object_agg(each.key, case
            when u.erased_at is not null then '[]'
            else public.chat_presence_seen_by(
                u, array(select value::uuid from jsonb_array_elements_text(each.value))
            )
        end), '{}')
        from jsonb_each(p_watches) as each join public.users as u on u.id = each.key::uuid
    );
end $$;
