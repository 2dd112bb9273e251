-- Where a person is reached. p_device is null for a device that is registered no longer.
create or replace function public.chat_device_json(p_token text, p_device public.chat_devices) returns json
language sql stable
as $$
    select json_build_object(
        'token', p_token, 'service', p_device.service, 'created_at', public.chat_time(p_device.created_at),
        'registered_at', public.chat_time(p_device.registered_at)
    )
$$;

-- Register a device, `{service, endpoint?, p256dh?, auth?}`, for the caller, whoever had it before. A person has 50: of more
-- those go that were registered longest ago.
create or replace function public.chat_put_device(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_token text, p_device jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_device public.chat_devices;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    perform from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- erased while this waited
    insert into public.chat_devices as d (token, user_id, service, endpoint, p256dh, auth)
    values (
        p_token, p_target_id, p_device ->> 'service', p_device ->> 'endpoint', p_device ->> 'p256dh', p_device ->> 'auth'
    )
    on conflict (token) do update
    set user_id = excluded.user_id, service = excluded.service, endpoint = excluded.endpoint, p256dh = excluded.p256dh,
        auth = excluded.auth, registered_at = excluded.registered_at,
        created_at = case when d.user_id = excluded.user_id then d.created_at else excluded.created_at end
    returning * into v_device;
    delete from public.chat_devices where token in (
        select token from public.chat_devices where user_id = p_target_id
        order by registered_at desc, token offset 50
        for update skip locked  -- somebody else is just taking it over
    );
    return public.chat_device_json(p_token, v_device);
end $$;

-- Forget a device of the caller's. Without one nothing changes.
create or replace function public.chat_delete_device(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_token text
) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    delete from public.chat_devices where token = p_token and user_id = p_target_id;
    return public.chat_device_json(p_token, null);
end $$;

-- The caller's devices, the last registered first.
create or replace function public.chat_list_devices(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    return (
        select coalesce(json_agg(public.chat_device_json(d.token, d) order by d.registered_at desc, d.token), '[]')
        from public.chat_devices as d where d.user_id = p_target_id
    );
end $$;

-- Forget devices that their services call dead, `{token: registered_at}`, but for those registered anew since.
create or replace function public.chat_forget_devices(p_devices jsonb) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_devices as d where d.token in (
        select k.token from public.chat_devices as k join jsonb_each_text(p_devices) as dead on dead.key = k.token
        where k.registered_at <= dead.value::timestamptz
        for update of k skip locked  -- somebody is just registering it, or deleting it
    );
    return 'null';
end $$;

create or replace function public.chat_notifications(p_user_id uuid) returns text
language sql stable
as $$
    select coalesce((select notifications from public.chat_push_preferences where user_id = p_user_id), 'all')
$$;
