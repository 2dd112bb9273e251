-- A thread is a message, its root, and the replies to it. Whoever starts one, writes in it or is mentioned in it follows it,
-- until they choose not to.

-- What a thread's root says of its replies; null when the root is gone.
create or replace function public.chat_thread_json(p_thread_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'id', id, 'seq', seq, 'reply_count', reply_count,
            'last_reply_at', case when deleted_at is null then public.chat_time(last_reply_at) end
        )
        from public.messages where id = p_thread_id
    );
end $$;

-- The root of the thread that a message belongs to, or begins. Raises 404 message_not_found.
create or replace function public.chat_find_root(p_message_id uuid, p_member public.user_conversation) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_message public.messages := public.chat_find_message(p_message_id, p_member);
begin
    if v_message.thread_id is null then
        return v_message;
    end if;
    return public.chat_find_message(v_message.thread_id, p_member);
end $$;

-- The acting user as a member of the conversation of a message. One that the user cannot see is not told from one that
-- does not exist: 404 message_not_found.
create or replace function public.chat_thread_reader(
    p_message_id uuid, p_user_id uuid, p_issued_at double precision
) returns public.user_conversation
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select u.* into v_member
    from public.messages as m join public.user_conversation as u on u.conversation_id = m.conversation_id
    where m.id = p_message_id and u.user_id = p_user_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return v_member;
end $$;

-- Let members follow a thread who never chose, with the replies after p_read_seq unread. In one order, as all that locks
-- several of these rows.
create or replace function public.chat_draw_into_thread(
    p_thread_id uuid, p_conversation_id uuid, p_user_ids uuid[], p_read_seq bigint
) returns void
language sql
as $$
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    select p_thread_id, user_id, p_conversation_id, true, p_read_seq from public.user_conversation
    where conversation_id = p_conversation_id and user_id = any (p_user_ids)
    order by user_id
    on conflict (thread_id, user_id) do update set following = true where t.following is null
$$;

-- Count a new reply at its root, which gets the version of the reply, in a locked conversation. The sender follows the
-- thread and has read it; with the first reply so does the root's author, with those whom the root mentions.
create or replace function public.chat_add_reply(p_root public.messages, p_reply public.messages) returns void
language plpgsql set search_path = ''
as $$
begin
    update public.messages
    set reply_count = reply_count + 1, last_reply_at = p_reply.created_at, version = p_reply.version
    where id = p_root.id;
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    values (p_root.id, p_reply.user_id, p_reply.conversation_id, true, p_reply.seq)
    on conflict (thread_id, user_id) do update set following = true, last_read_seq = excluded.last_read_seq;
    if p_root.reply_count = 0 then
        perform public.chat_draw_into_thread(p_root.id, p_root.conversation_id, array(
            select p_root.user_id union select user_id from public.chat_mentions where message_id = p_root.id
        ), p_reply.seq - 1);
    end if;
end $$;

-- The replies of a thread that a member has not read; 100 stands for more.
create or replace function public.chat_count_unread_replies(p_thread_id uuid, p_read_seq bigint) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select count(*) from (
            select from public.messages where thread_id = p_thread_id and seq > p_read_seq and deleted_at is null limit 100
        ) as unread
    );
end $$;

-- What is a member's own in a thread.
create or replace function public.chat_own_thread_json(p_following boolean, p_thread_id uuid, p_read_seq bigint) returns json
language sql stable
as $$
    select json_build_object(
        'unread_count', public.chat_count_unread_replies(p_thread_id, p_read_seq), 'last_read_seq', p_read_seq,
        'following', coalesce(p_following, false)
    )
$$;

create or replace function public.chat_thread_member_json(p_member public.chat_thread_members) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object('thread_id', p_member.thread_id, 'conversation_id', p_member.conversation_id),
        public.chat_own_thread_json(p_member.following, p_member.thread_id, p_member.last_read_seq)
    )
$$;

-- Move the user's pointer in a thread forward, never beyond its newest reply.
create or replace function public.chat_read_thread(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_read_seq bigint
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_reader public.chat_thread_members;
begin
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, last_read_seq)
    values (v_root.id, p_user_id, v_root.conversation_id, least(p_read_seq, public.chat_newest_reply(v_root.id)))
    on conflict (thread_id, user_id) do update set last_read_seq = greatest(t.last_read_seq, excluded.last_read_seq)
    returning * into v_reader;
    return public.chat_thread_member_json(v_reader);
end $$;

-- The number of the newest reply of a thread, 0 without one.
create or replace function public.chat_newest_reply(p_thread_id uuid) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return coalesce((select max(seq) from public.messages where thread_id = p_thread_id), 0);
end $$;

-- Follow a thread, or no longer. Who begins to follow one that they never read has read it.
create or replace function public.chat_follow_thread(
    p_user_id uuid, p_issued_at double precision, p_message_id uuid, p_following boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_member public.user_conversation := public.chat_thread_reader(p_message_id, p_user_id, p_issued_at);
    v_root public.messages := public.chat_find_root(p_message_id, v_member);
    v_follower public.chat_thread_members;
begin
    insert into public.chat_thread_members as t (thread_id, user_id, conversation_id, following, last_read_seq)
    values (v_root.id, p_user_id, v_root.conversation_id, p_following, public.chat_newest_reply(v_root.id))
    on conflict (thread_id, user_id) do update set following = p_following
    returning * into v_follower;
    return public.chat_thread_member_json(v_follower);
end $$;
