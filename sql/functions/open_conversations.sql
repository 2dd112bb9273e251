-- Conversations that are found without being added: the direct one of two people, and public ones.

-- The one conversation of two people, made where there is none. Raises 403 blocked.
create or replace function public.chat_open_direct_conversation(
    p_user_id uuid, p_issued_at double precision, p_other_user_id uuid
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_first uuid := least(p_user_id, p_other_user_id);
    v_second uuid := greatest(p_user_id, p_other_user_id);
    v_conversation public.conversations;
    v_shared json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    perform public.chat_require_users(array[p_other_user_id]);
    if exists (
        select from public.chat_blocks
        where (user_id, blocked_user_id) in ((v_first, v_second), (v_second, v_first))
    ) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    -- Two who ask at once: the second waits here, and finds what the first has made.
    perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', v_first, v_second), 7243692));
    select c.* into v_conversation
    from public.chat_direct_conversations as d join public.conversations as c on c.id = d.conversation_id
    where d.first_user_id = v_first and d.second_user_id = v_second;
    if found then
        return public.chat_change_json(
            false, v_conversation.audience_version, public.chat_shared_conversation_json(v_conversation)
        );
    end if;
    insert into public.conversations (type, name, owner_user_id, created_at, last_activity_at, member_count)
    values ('direct', '', p_user_id, now(), now(), 2)
    returning * into v_conversation;
    insert into public.chat_direct_conversations (first_user_id, second_user_id, conversation_id)
    values (v_first, v_second, v_conversation.id);
    insert into public.user_conversation (conversation_id, user_id)
    values (v_conversation.id, v_first), (v_conversation.id, v_second);
    v_shared := public.chat_shared_conversation_json(v_conversation);
    return public.chat_change_json(true, v_conversation.audience_version, v_shared, json_build_array(
        json_build_object('event', 'newConversation', 'payload', v_shared)
    ));
end $$;

-- A page of the public conversations, the newest first; with p_query those whose name contains it, in any case.
create or replace function public.chat_list_public_conversations(
    p_user_id uuid, p_issued_at double precision, p_query text, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_pattern text := '%' || regexp_replace(p_query, '([\\%_])', '\\\1', 'g') || '%';
    v_items json;
    v_count integer;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    with found as materialized (
        select c from public.conversations as c
        where c.visibility = 'public' and (v_pattern is null or c.name ilike v_pattern)
          and (p_before_at is null or (c.created_at, c.id) < (p_before_at, p_before_id))
        order by c.created_at desc, c.id desc
        limit p_limit + 1
    ), numbered as (
        select c, row_number() over (order by (c).created_at desc, (c).id desc) as place from found
    )
    select count(*),
           coalesce(json_agg(public.chat_public_conversation_json(c, p_user_id) order by place)
                    filter (where place <= p_limit), '[]'),
           json_agg(json_build_object('at', public.chat_time((c).created_at), 'id', (c).id))
               filter (where place = p_limit) -> 0
    into v_count, v_items, v_next
    from numbered;
    return json_build_object(
        'info', json_build_object('next', case when v_count > p_limit then v_next end), 'items', v_items
    );
end $$;

-- A public conversation as whoever looks for one sees it.
create or replace function public.chat_public_conversation_json(p_conversation public.conversations, p_user_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return json_build_object(
        'id', p_conversation.id, 'name', p_conversation.name, 'description', p_conversation.description,
        'avatar_url', p_conversation.avatar_url, 'created_at', public.chat_time(p_conversation.created_at),
        'member_count', coalesce(p_conversation.member_count, public.chat_count_members(p_conversation.id)),
        'is_member', exists (
            select from public.user_conversation where conversation_id = p_conversation.id and user_id = p_user_id
        )
    );
end $$;
