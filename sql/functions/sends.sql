-- p_draft: `{message, client_id, reply_to?, thread_id?, attachments?, mentions?, custom?}`. A send with a client_id
-- happens once: the repeated one gets the message of the first. While that is younger than a minute it is announced
-- again: nobody may have heard of it, if its answer was lost.
create or replace function public.chat_send_message(
    p_user_id uuid, p_issued_at double precision, p_conversation_id uuid, p_draft jsonb
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_author public.users := public.chat_require_user(p_user_id, p_issued_at);
    v_conversation public.conversations := public.chat_lock_conversation(p_conversation_id, p_user_id);
    v_message public.messages;
    v_sent json;
begin
    if p_draft ->> 'client_id' is not null then
        select * into v_message from public.messages
        where conversation_id = p_conversation_id and user_id = p_user_id and client_id = p_draft ->> 'client_id';
        if found then
            return public.chat_tell_sender(p_draft, public.chat_repeated_send_json(
                v_message, v_author, v_conversation, public.chat_get_member(p_conversation_id, p_user_id)
            ));
        end if;
    end if;
    perform public.chat_check_send(v_conversation, p_user_id);
    v_message := public.chat_store_message(v_conversation, p_user_id, p_draft);
    v_sent := public.chat_sent_message_json(v_message, v_author, v_conversation, null);
    return public.chat_tell_sender(p_draft, public.chat_change_json(true, v_conversation.audience_version, v_sent));
end $$;

-- The change of a send or an edit, with what its author alone learns: whom the draft mentions in vain, since they are no members.
create or replace function public.chat_tell_sender(p_draft jsonb, p_change json) returns json
language plpgsql immutable set search_path = ''
as $$
declare
    v_named uuid[] := public.chat_named(p_draft);
    v_message json := p_change -> 'result';
begin
    if v_named is not null then
        v_named := array(
            select id from unnest(v_named) as id
            where not (v_message -> 'mentions')::jsonb ? id::text order by id
        );
    end if;
    if coalesce(cardinality(v_named), 0) = 0 then
        return p_change;
    end if;
    return public.chat_change_json(
        (p_change ->> 'announce')::boolean, (p_change ->> 'audience_version')::bigint,
        public.chat_merge(v_message, json_build_object('mentions_not_members', v_named)),
        coalesce(p_change -> 'events', json_build_array(json_build_object('event', 'message', 'payload', v_message)))
    );
end $$;

-- Raises what forbids a member to send in a locked conversation at this moment: 403 frozen or blocked, 429 slow_mode.
create or replace function public.chat_check_send(p_conversation public.conversations, p_user_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
    v_member public.user_conversation;
    v_wait double precision;
begin
    if p_conversation.type = 'direct' and public.chat_is_blocked(p_conversation.id, p_user_id) then
        raise exception using errcode = 'PT403', message = 'blocked';
    end if;
    if not p_conversation.frozen and p_conversation.slow_mode_seconds = 0 then
        return;
    end if;
    select * into v_member from public.user_conversation
    where conversation_id = p_conversation.id and user_id = p_user_id;
    if public.chat_role(p_conversation, v_member) <> 'member' then
        return;
    end if;
    if p_conversation.frozen then
        raise exception using errcode = 'PT403', message = 'frozen';
    end if;
    v_wait := extract(epoch from v_member.last_sent_at - clock_timestamp()) + p_conversation.slow_mode_seconds;
    if v_wait > 0 then
        raise exception using errcode = 'PT429', message = 'slow_mode',
            detail = 'Wait ' || ceil(v_wait) || ' s before the next message.', hint = ceil(v_wait);
    end if;
end $$;

-- Whether one of the two people of a direct conversation has blocked the other.
create or replace function public.chat_is_blocked(p_conversation_id uuid, p_user_id uuid) returns boolean
language sql stable
as $$
    select exists (
        select from public.user_conversation as m join public.chat_blocks as b
            on (b.user_id, b.blocked_user_id) in ((m.user_id, p_user_id), (p_user_id, m.user_id))
        where m.conversation_id = p_conversation_id and m.user_id <> p_user_id
    )
$$;

-- Store a message in a locked conversation: with its number and version, the sender's pointers, its thread and mentions.
-- Raises 404 message_not_found for a message it answers that the sender cannot see.
create or replace function public.chat_store_message(
    p_conversation public.conversations, p_user_id uuid, p_draft jsonb
) returns public.messages
language plpgsql set search_path = ''
as $$
declare
    v_next public.conversations := public.chat_next_version(p_conversation.id, 1, false);
    v_member public.user_conversation;
    v_message public.messages;
    v_root public.messages;
begin
    update public.user_conversation
    set last_read_seq = v_next.last_seq, last_delivered_seq = v_next.last_seq,
        read_system_count = v_next.system_count, last_sent_at = v_next.last_activity_at
    where conversation_id = p_conversation.id and user_id = p_user_id
    returning * into v_member;
    if p_draft ->> 'reply_to' is not null then
        perform public.chat_find_message((p_draft ->> 'reply_to')::uuid, v_member);
    end if;
    if p_draft ->> 'thread_id' is not null then
        v_root := public.chat_find_root((p_draft ->> 'thread_id')::uuid, v_member);
    end if;
    insert into public.messages (
        conversation_id, user_id, message, client_id, seq, version, created_at, system_count,
        reply_to, thread_id, mentions, custom
    )
    values (
        p_conversation.id, p_user_id, p_draft ->> 'message', p_draft ->> 'client_id', v_next.last_seq, v_next.version,
        v_next.last_activity_at, v_next.system_count, (p_draft ->> 'reply_to')::uuid, v_root.id,
        public.chat_mentioned(p_conversation.id, p_draft), nullif(p_draft -> 'custom', '{}')
    )
    returning * into v_message;
    v_message := public.chat_attach(v_message, p_draft);
    if v_root.id is not null then
        perform public.chat_add_reply(v_root, v_message);
    end if;
    if v_message.mentions is not null then
        perform public.chat_note_mentions(v_message);
    end if;
    return v_message;
end $$;

-- p_conversation is shown as it was when the message was new: who repeats a send knows no later one. `thread` is what
-- its root has become, null for a message of no thread.
create or replace function public.chat_sent_message_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_message_json(p_message, p_author, p_member),
        json_build_object(
            'thread', case
                when p_message.thread_id is not null
                     and coalesce(public.chat_root_seq(p_message) >= p_member.history_from, true)
                then public.chat_thread_json(p_message.thread_id)
            end,
            'conversations', json_build_object(
                'id', p_conversation.id, 'name', p_conversation.name, 'owner_user_id', p_conversation.owner_user_id,
                'created_at', public.chat_time(p_conversation.created_at),
                'version', p_message.version, 'last_seq', p_message.seq
            )
        )
    )
$$;

-- What a repeated send gets. A message of before the sender left and was added again shows nothing else of that time, and
-- nobody hears of it again; nor of a deleted one.
create or replace function public.chat_repeated_send_json(
    p_message public.messages, p_author public.users, p_conversation public.conversations,
    p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_change_json(
        p_message.created_at > clock_timestamp() - interval '1 minute' and p_message.deleted_at is null
        and p_message.seq >= p_member.history_from,
        p_conversation.audience_version,
        public.chat_sent_message_json(
            p_message, p_author, p_conversation, case when p_message.seq < p_member.history_from then p_member end
        )
    )
$$;

