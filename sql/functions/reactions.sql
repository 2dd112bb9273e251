-- React to a message; a second time nothing happens. Raises 422 too_many_reactions for the 21st kind.
create or replace function public.chat_add_reaction(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    perform public.chat_check_change(v_found.conversation, v_found.member, v_found.message);
    insert into public.chat_reactions (message_id, emoji, user_id) values (p_message_id, p_emoji, p_user_id)
    on conflict do nothing;
    if not found then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_found.message, false);
    end if;
    return public.chat_reaction_change_json(v_found.conversation, v_found.member, v_found.message, p_emoji, true);
end $$;

-- Take a reaction back; one that is not there is none that could be.
create or replace function public.chat_remove_reaction(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_found record;
begin
    select * into v_found from public.chat_lock_message(p_message_id, p_user_id, p_issued_at);
    if (v_found.message).deleted_at is not null then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    delete from public.chat_reactions where message_id = p_message_id and emoji = p_emoji and user_id = p_user_id;
    if not found then
        return public.chat_message_change_json(v_found.conversation, v_found.member, v_found.message, false);
    end if;
    return public.chat_reaction_change_json(v_found.conversation, v_found.member, v_found.message, p_emoji, false);
end $$;

-- Sum up a message's reactions after a row of this emoji was added or removed. `burst` is the event that can stand for
-- several of these: the whole message.
create or replace function public.chat_reaction_change_json(
    p_conversation public.conversations, p_member public.user_conversation, p_message public.messages,
    p_emoji text, p_added boolean
) returns json
language plpgsql set search_path = ''
as $$
declare
    v_author public.users;
    v_count integer := case when p_added then 1 else -1 end + coalesce((
        select (reaction -> 'count')::integer from jsonb_array_elements(p_message.reactions) as reaction
        where reaction ->> 'emoji' = p_emoji
    ), 0);
begin
    update public.messages
    set reactions = public.chat_summed_reactions(p_message, p_emoji, v_count),
        version = (public.chat_next_version(p_message.conversation_id, 0, false)).version
    where id = p_message.id
    returning * into p_message;
    if jsonb_array_length(p_message.reactions) > 20 then
        raise exception using errcode = 'PT422', message = 'too_many_reactions',
            detail = '{"emoji": ["A message has at most 20 kinds of reactions."]}';
    end if;
    select * into v_author from public.users where id = p_message.user_id;
    return public.chat_change_json(
        true, p_conversation.audience_version, public.chat_message_json(p_message, v_author, p_member),
        json_build_array(json_build_object(
            'event', 'reaction',
            'payload', json_build_object(
                'message_id', p_message.id, 'conversation_id', p_message.conversation_id, 'seq', p_message.seq,
                'version', p_message.version, 'emoji', p_emoji, 'user_id', p_member.user_id, 'added', p_added,
                'count', v_count
            ),
            'burst', public.chat_message_json(p_message, v_author, null), 'root_seq', public.chat_root_seq(p_message)
        ))
    );
end $$;

-- The reactions of a message with those of one emoji counted anew: in their place, or last where they are the first.
create or replace function public.chat_summed_reactions(p_message public.messages, p_emoji text, p_count integer) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    v_sum jsonb := case when p_count > 0 then jsonb_build_object('emoji', p_emoji, 'count', p_count, 'user_ids', (
        select jsonb_agg(user_id order by created_at, user_id) from (
            select user_id, created_at from public.chat_reactions
            where message_id = p_message.id and emoji = p_emoji order by created_at, user_id limit 20
        ) as first
    )) end;
begin
    if p_count = 1 and not exists (
        select from jsonb_array_elements(p_message.reactions) as reaction where reaction ->> 'emoji' = p_emoji
    ) then
        return coalesce(p_message.reactions, '[]') || v_sum;
    end if;
    return (
        select jsonb_agg(case when reaction ->> 'emoji' = p_emoji then v_sum else reaction end order by place)
        from jsonb_array_elements(p_message.reactions) with ordinality as each (reaction, place)
        where reaction ->> 'emoji' <> p_emoji or v_sum is not null
    );
end $$;

-- Who reacted, the newest first: with one emoji, or with any where p_emoji is null; then a page of each kind is looked at.
create or replace function public.chat_list_reactions(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_emoji text, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_seen record;
    v_row record;
    v_items json[] := '{}';
    v_last json;
    v_next json;
begin
    select * into v_seen from public.chat_see_message(p_message_id, p_user_id, p_issued_at);
    for v_row in
        select found.*, a.author
        from (
            select r.* from jsonb_array_elements((v_seen.message).reactions) as kind (reaction)
            cross join lateral (
                select * from public.chat_reactions
                where message_id = p_message_id and emoji = kind.reaction ->> 'emoji' and (created_at, user_id) < (
                    coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                )
                order by created_at desc, user_id desc limit p_limit + 1
            ) as r
            where p_emoji is null or kind.reaction ->> 'emoji' = p_emoji
            order by r.created_at desc, r.user_id desc limit p_limit + 1
        ) as found
        cross join lateral (select u as author from public.users as u where u.id = found.user_id limit 1) as a
        order by found.created_at desc, found.user_id desc
    loop
        if cardinality(v_items) = p_limit then
            v_next := v_last;
            exit;
        end if;
        v_items := v_items || json_build_object(
            'emoji', v_row.emoji, 'user_id', v_row.user_id, 'users', public.chat_author_json(v_row.author),
            'created_at', public.chat_time(v_row.created_at)
        );
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.user_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;
