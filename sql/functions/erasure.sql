-- Erase a person: at once the profile, the tokens and what waits; a job takes what stands in conversations. A second one
-- finds nobody any more. The result is `{id, erased_at, revoked_at}`, the last in Unix seconds.
create or replace function public.chat_erase_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_keep_messages boolean
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_revoked_at timestamptz := greatest(clock_timestamp(), to_timestamp(p_issued_at) + interval '1 microsecond');
    v_user public.users;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    perform from public.users where id = p_target_id for no key update;
    perform public.chat_require_user(p_target_id, null);  -- somebody else was faster
    update public.users
    set username = 'Deleted user', avatar_url = null, about = null, custom = '{}', last_seen_at = null,
        erased_at = now(), tokens_valid_from = v_revoked_at
    where id = p_target_id
    returning * into v_user;
    delete from public.chat_blocks where p_target_id in (user_id, blocked_user_id);
    delete from public.chat_scheduled where user_id = p_target_id;
    delete from public.chat_invites where user_id = p_target_id;
    delete from public.chat_devices where user_id = p_target_id;
    delete from public.chat_push_preferences where user_id = p_target_id;
    perform public.chat_add_job(
        'erase_user', jsonb_build_object('user_id', p_target_id, 'keep_messages', p_keep_messages),
        'erase_user:' || p_target_id, null
    );
    return json_build_object(
        'profile', public.chat_profile_json(v_user, false), 'erased_at', public.chat_time(v_user.erased_at),
        'revoked_at', extract(epoch from v_revoked_at)
    );
end $$;

-- The conversations in which an erased person still stands: as a member, with reactions, with messages unless these stay.
create or replace function public.chat_list_traces(p_target_id uuid, p_keep_messages boolean) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select coalesce(json_agg(conversation_id order by conversation_id), '[]') from (
            select conversation_id from public.user_conversation where user_id = p_target_id
            union
            select m.conversation_id from public.chat_reactions as r
            cross join lateral (select conversation_id from public.messages where id = r.message_id limit 1) as m
            where r.user_id = p_target_id
            union
            select conversation_id from public.messages
            where not p_keep_messages and user_id = p_target_id and deleted_at is null and type = 'text'
        ) as found
    );
end $$;

-- Take a person who was erased out of one conversation: first the membership, so that nothing of theirs can follow; then
-- up to p_limit reactions; then up to p_limit messages after the number p_after_seq. `next` is the number to go on after,
-- null at the end. Done again it changes nothing.
create or replace function public.chat_erase_traces(
    p_target_id uuid, p_conversation_id uuid, p_keep_messages boolean, p_after_seq bigint, p_limit integer
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_events json[];
    v_count integer;
    v_next bigint := p_after_seq;
begin
    select * into v_conversation from public.conversations
    where id = p_conversation_id and exists (select from public.users where id = p_target_id and erased_at is not null)
    for no key update;
    if not found then
        return public.chat_change_json(false, 0, '{"next": null}', '[]');
    end if;
    v_events := public.chat_erase_membership(v_conversation, p_target_id);
    if v_events is null then  -- the conversation went with its last member
        return public.chat_change_json(false, 0, '{"next": null}', '[]');
    end if;
    v_count := cardinality(v_events);
    v_events := v_events || public.chat_erase_reactions(p_conversation_id, p_target_id, p_limit);
    if cardinality(v_events) - v_count < p_limit then
        v_next := null;
        if not p_keep_messages then
            v_count := cardinality(v_events);
            v_events := v_events || public.chat_erase_messages(p_conversation_id, p_target_id, p_after_seq, p_limit);
            if cardinality(v_events) - v_count = p_limit then
                v_next := v_events[cardinality(v_events)] -> 'payload' ->> 'seq';
            end if;
        end if;
    end if;
    select * into v_conversation from public.conversations where id = p_conversation_id;
    return public.chat_change_json(
        cardinality(v_events) > 0, v_conversation.audience_version, json_build_object('next', v_next),
        array_to_json(v_events)
    );
end $$;

-- Returns the events, null when nobody is left and the conversation was deleted.
create or replace function public.chat_erase_membership(
    p_conversation public.conversations, p_target_id uuid
) returns json[]
language plpgsql set search_path = ''
as $$
begin
    delete from public.chat_thread_members where user_id = p_target_id and conversation_id = p_conversation.id and following;
    delete from public.user_conversation where conversation_id = p_conversation.id and user_id = p_target_id;
    if not found then
        return '{}';
    end if;
    if not public.chat_hand_over(p_conversation) then
        delete from public.conversations where id = p_conversation.id;
        return null;
    end if;
    return array[json_build_object(
        'event', 'conversationUpdated', 'payload',
        public.chat_shared_conversation_json(public.chat_next_version(p_conversation.id, 0, true))
    )];
end $$;

create or replace function public.chat_erase_reactions(
    p_conversation_id uuid, p_target_id uuid, p_limit integer
) returns json[]
language plpgsql set search_path = ''
as $$
declare
    v_row record;
    v_message public.messages;
    v_count integer;
    v_events json[] := '{}';
begin
    for v_row in
        select r.message_id, r.emoji
        from public.chat_reactions as r join public.messages as m on m.id = r.message_id
        where r.user_id = p_target_id and m.conversation_id = p_conversation_id
        order by m.seq, r.emoji limit p_limit
    loop
        delete from public.chat_reactions
        where message_id = v_row.message_id and emoji = v_row.emoji and user_id = p_target_id;
        select * into v_message from public.messages where id = v_row.message_id;
        select count(*) into v_count from public.chat_reactions
        where message_id = v_row.message_id and emoji = v_row.emoji;
        update public.messages
        set reactions = nullif(public.chat_summed_reactions(v_message, v_row.emoji, v_count), '[]'),
            version = (public.chat_next_version(p_conversation_id, 0, false)).version
        where id = v_row.message_id
        returning * into v_message;
        v_events := v_events || json_build_object('event', 'reaction', 'payload', json_build_object(
            'message_id', v_message.id, 'conversation_id', p_conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'emoji', v_row.emoji, 'user_id', p_target_id, 'added', false, 'count', v_count
        ));
    end loop;
    return v_events;
end $$;

create or replace function public.chat_erase_messages(
    p_conversation_id uuid, p_target_id uuid, p_after_seq bigint, p_limit integer
) returns json[]
language plpgsql set search_path = '' set enable_bitmapscan = off
as $$
declare
    v_message public.messages;
    v_events json[] := '{}';
begin
    for v_message in
        select * from public.messages
        -- `coalesce`: read in the order of their numbers, whatever the planner thinks of the author
        where conversation_id = p_conversation_id and coalesce(user_id = p_target_id) and seq > p_after_seq
          and deleted_at is null and type = 'text'
        order by seq limit p_limit
    loop
        v_message := public.chat_make_tombstone(
            v_message, (public.chat_next_version(p_conversation_id, 0, false)).version
        );
        v_events := v_events || json_build_object('event', 'messageDeleted', 'payload', json_build_object(
            'id', v_message.id, 'conversation_id', p_conversation_id, 'seq', v_message.seq,
            'version', v_message.version, 'deleted_at', public.chat_time(v_message.deleted_at),
            'thread', case when v_message.thread_id is not null then public.chat_thread_json(v_message.thread_id) end
        ));
    end loop;
    return v_events;
end $$;

-- The last of a person: what is of no conversation's log. Up to p_limit rows of each kind; returns whether that was all.
create or replace function public.chat_erase_rest(p_target_id uuid, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_mentions integer;
begin
    delete from public.chat_mentions where ctid in (
        select ctid from public.chat_mentions where user_id = p_target_id limit p_limit
    ) and exists (select from public.users where id = p_target_id and erased_at is not null);
    get diagnostics v_mentions = row_count;
    delete from public.chat_thread_members where user_id = p_target_id
      and exists (select from public.users where id = p_target_id and erased_at is not null);
    delete from public.chat_former_members where user_id = p_target_id
      and exists (select from public.users where id = p_target_id and erased_at is not null);
    delete from public.chat_presence where user_id = p_target_id and not online;
    return to_json(v_mentions < p_limit);
end $$;
