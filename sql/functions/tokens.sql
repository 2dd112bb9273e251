create or replace function public.chat_revoke_tokens(p_user_id uuid, p_issued_at double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    -- Later than the token at hand, whatever the clock of the machine that issued it says.
    v_revoked_at timestamptz := greatest(clock_timestamp(), to_timestamp(p_issued_at) + interval '1 microsecond');
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    update public.users set tokens_valid_from = v_revoked_at where id = p_user_id;
    return json_build_object('user_id', p_user_id, 'revoked_at', extract(epoch from v_revoked_at));
end $$;

-- The revocations of the last p_seconds, for the processes that hold the users' sockets.
create or replace function public.chat_list_revocations(p_seconds double precision) returns json
language sql stable security definer set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'user_id', id, 'revoked_at', extract(epoch from tokens_valid_from), 'is_erased', erased_at is not null
    )), '[]')
    from public.users where tokens_valid_from > now() - make_interval(secs => p_seconds)
$$;
