-- The devices that are to hear of a message, for the members on one page: `{note, targets, next}`. `note` is what they hear,
-- null when the message is not there any more, or is older than a day. p_query: `{services, limit, after?, tokens?}`: the
-- members after a user's id, `next` on the page before; or those of some devices, and no other device.
create or replace function public.chat_list_push_targets(p_message_id uuid, p_query jsonb) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_message public.messages;
    v_limit integer := (p_query ->> 'limit')::integer;
    v_tokens text[] := array(select jsonb_array_elements_text(p_query -> 'tokens'));
    v_members public.user_conversation[];
begin
    select * into v_message from public.messages
    where id = p_message_id and deleted_at is null and type = 'text' and created_at > now() - interval '1 day';
    if not found then
        return json_build_object('note', null, 'targets', '[]'::json, 'next', null);
    end if;
    if p_query ? 'tokens' then
        v_members := array(
            select m from public.user_conversation as m
            where m.conversation_id = v_message.conversation_id
              and m.user_id in (select user_id from public.chat_devices where token = any (v_tokens))
        );
    else
        v_members := array(
            select page.m from (  -- along the index, however few members the planner expects: it would sort them all
                select m from public.user_conversation as m
                where (m.conversation_id, m.user_id) > (
                    v_message.conversation_id, coalesce((p_query ->> 'after')::uuid, '00000000-0000-0000-0000-000000000000')
                )
                order by m.conversation_id, m.user_id limit v_limit
            ) as page
            where (page.m).conversation_id = v_message.conversation_id
            order by (page.m).user_id
        );
    end if;
    return json_build_object(
        'note', public.chat_note_json(v_message),
        'targets', public.chat_push_targets_json(
            v_message, v_members, array(select jsonb_array_elements_text(p_query -> 'services')),
            case when p_query ? 'tokens' then v_tokens end
        ),
        'next', case when cardinality(v_members) = v_limit and not p_query ? 'tokens' then (v_members[v_limit]).user_id end
    );
end $$;

-- The devices, with these tokens unless they are null, of those members who are to hear of a message: not of the author,
-- those who see it already or never, who have blocked or are blocked, or want to hear nothing.
create or replace function public.chat_push_targets_json(
    p_message public.messages, p_members public.user_conversation[], p_services text[], p_tokens text[]
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_blocked uuid[] := public.chat_blocked_with(p_message.user_id);
    v_user_ids uuid[];
begin
    v_user_ids := array(
        select m.user_id from unnest(p_members) as m
        where m.user_id is distinct from p_message.user_id
          and p_message.seq >= m.history_from and p_message.seq > m.last_read_seq
          and coalesce(m.muted_until, '-infinity') <= now()
          and case coalesce(m.notifications, public.chat_notifications(m.user_id))
              when 'all' then true
              when 'mentions' then m.user_id = any (coalesce(p_message.mentions, '{}'))
              else false
          end
          and m.user_id <> all (v_blocked)
          and exists (select from public.chat_devices as d where d.user_id = m.user_id)
          and not public.chat_is_online(m.user_id)
    );
    return (
        select coalesce(json_agg(json_build_object(
            'token', d.token, 'service', d.service, 'endpoint', d.endpoint, 'p256dh', d.p256dh, 'auth', d.auth,
            'registered_at', public.chat_time(d.registered_at)
        ) order by d.user_id, d.token), '[]')
        from unnest(v_user_ids) as id
        -- a limit: looked up by the index for each, however many devices the planner expects
        cross join lateral (select * from public.chat_devices where user_id = id limit 1000) as d
        where d.service = any (p_services) and (p_tokens is null or d.token = any (p_tokens))
    );
end $$;

-- What there is to tell of a message: `names` are those of the people whom the beginning of its text mentions.
create or replace function public.chat_note_json(p_message public.messages) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'conversation_id', c.id, 'message_id', p_message.id, 'seq', p_message.seq,
            'is_direct', c.type = 'direct', 'conversation', c.name,
            'sender', (select username from public.users where id = p_message.user_id),
            'text', left(p_message.message, 1000), 'file', p_message.attachments -> 0 ->> 'name',
            'names', (
                select coalesce(json_object_agg(u.id, u.username), '{}') from public.users as u
                where u.id = any (p_message.mentions) and strpos(left(lower(p_message.message), 1000), u.id::text) > 0
            )
        )
        from public.conversations as c where c.id = p_message.conversation_id
    );
end $$;
