-- The users of whom one of the two has blocked the other.
create or replace function public.chat_blocked_with(p_user_id uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select blocked_user_id from public.chat_blocks where user_id = p_user_id
        union
        select user_id from public.chat_blocks where blocked_user_id = p_user_id
    );
end $$;

-- p_created_at is null for a block that was taken back.
create or replace function public.chat_block_json(p_user public.users, p_created_at timestamptz) returns json
language sql stable
as $$
    select json_build_object('user', public.chat_user_json(p_user), 'created_at', public.chat_time(p_created_at))
$$;

-- Block a user, once. Afterwards no message comes into the direct conversation of the two, not even one that was under way.
create or replace function public.chat_block_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_target public.users;
    v_created_at timestamptz;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_target := public.chat_require_user(p_target_id, null);
    if p_user_id = p_target_id then
        raise exception using errcode = 'PT403', message = 'not_allowed', detail = 'Nobody can block themselves.';
    end if;
    perform public.chat_lock_direct(p_user_id, p_target_id);
    insert into public.chat_blocks (user_id, blocked_user_id) values (p_user_id, p_target_id) on conflict do nothing;
    select created_at into v_created_at from public.chat_blocks where user_id = p_user_id and blocked_user_id = p_target_id;
    return public.chat_block_json(v_target, v_created_at);
end $$;

create or replace function public.chat_unblock_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_target public.users;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    v_target := public.chat_require_user(p_target_id, null);
    delete from public.chat_blocks where user_id = p_user_id and blocked_user_id = p_target_id;
    return public.chat_block_json(v_target, null);
end $$;

-- Lock the direct conversation of two users, if there is one, as a send does.
create or replace function public.chat_lock_direct(p_user_id uuid, p_other_id uuid) returns void
language plpgsql set search_path = ''
as $$
begin
    perform from public.conversations where id = (
        select conversation_id from public.chat_direct_conversations
        where first_user_id = least(p_user_id, p_other_id) and second_user_id = greatest(p_user_id, p_other_id)
    ) for no key update;
end $$;

-- A page of those whom a user has blocked, the latest first; p_before_at and p_before_id are the cursor.
create or replace function public.chat_list_blocks(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_page json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    with found as (
        select blocked_user_id, created_at, row_number() over (order by created_at desc, blocked_user_id desc) as place
        from public.chat_blocks
        where user_id = p_user_id
          and (p_before_at is null or (created_at, blocked_user_id) < (p_before_at, p_before_id))
        order by created_at desc, blocked_user_id desc limit p_limit + 1
    ), last as (
        select * from found where place = p_limit and exists (select from found where place > p_limit)
    )
    select json_build_object(
        'info', json_build_object('next', (
            select json_build_object('at', public.chat_time(created_at), 'id', blocked_user_id) from last
        )),
        'items', coalesce((
            select json_agg(public.chat_block_json(u, f.created_at) order by f.place)
            from found as f join public.users as u on u.id = f.blocked_user_id where f.place <= p_limit
        ), '[]')
    ) into v_page;
    return v_page;
end $$;

-- What the server must know of some users, `{user_ids}`, to send nothing to who may not hear it: for each id `{share_receipts,
-- blocked_with}`.
create or replace function public.chat_list_privacy(p_of jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_object_agg(u.id, json_build_object(
            'share_receipts', u.share_receipts, 'blocked_with', public.chat_blocked_with(u.id)
        )), '{}')
        from public.users as u
        where u.id = any(array(select value::uuid from jsonb_array_elements_text(p_of -> 'user_ids')))
    );
end $$;
