-- How many days the messages of a conversation are kept: the smaller of the server's and its own number, null for ever.
create or replace function public.chat_retention_days(p_conversation public.conversations, p_days integer) returns integer
language sql immutable
as $$ select least(p_conversation.retention_days, p_days) $$;

-- The next p_limit conversations after p_after that may hold messages of before their time: `{ids, last}`, last being null
-- after the last ones.
create or replace function public.chat_list_expired_conversations(p_days integer, p_after uuid, p_limit integer) returns json
language plpgsql stable security definer set search_path = ''
as $$
begin
    return (
        select json_build_object(
            'ids', coalesce(json_agg(c.id order by c.id) filter (where exists (
                select from public.messages as m
                where m.conversation_id = c.id and m.seq = c.oldest_seq
                  and m.created_at < now() - make_interval(days => public.chat_retention_days(c, p_days))
            )), '[]'),
            'last', (array_agg(c.id order by c.id))[p_limit]
        )
        from (
            select * from public.conversations
            where (p_days is not null or retention_days is not null) and (p_after is null or id > p_after)
            order by id limit p_limit
        ) as c
    );
end $$;

-- Delete the messages of one conversation that are older than its retention: the oldest, p_limit at most, so that the
-- conversation is locked for a moment only. No version is raised: `oldest_seq` says it. Pointers that lie behind move up,
-- so that nothing that is gone counts as unread. Returns how many are deleted.
create or replace function public.chat_sweep_conversation(p_conversation_id uuid, p_days integer, p_limit integer) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_conversation public.conversations;
    v_since timestamptz;
    v_last bigint;      -- the newest number that goes
    v_systems bigint;   -- the system messages up to it
    v_deleted bigint;
begin
    select * into v_conversation from public.conversations where id = p_conversation_id for no key update;
    if not found then
        return to_json(0);
    end if;
    v_since := now() - make_interval(days => public.chat_retention_days(v_conversation, p_days));
    if v_since is null then  -- it keeps everything by now
        return to_json(0);
    end if;
    select coalesce(min(seq) filter (where created_at >= v_since) - 1, max(seq)) into v_last
    from (
        select seq, created_at from public.messages
        where conversation_id = p_conversation_id and seq >= v_conversation.oldest_seq
        order by seq limit p_limit
    ) as oldest;
    select system_count into v_systems from public.messages
    where conversation_id = p_conversation_id and seq = v_last and seq >= v_conversation.oldest_seq;
    if not found then
        return to_json(0);
    end if;
    update public.chat_attachments as a set state = 'dead'
    from public.messages as m
    where m.conversation_id = p_conversation_id and m.seq <= v_last and m.attachments is not null and a.message_id = m.id;
    delete from public.messages where conversation_id = p_conversation_id and seq <= v_last;
    get diagnostics v_deleted = row_count;
    update public.conversations set oldest_seq = v_last + 1 where id = p_conversation_id;
    update public.user_conversation
    set read_system_count = case when last_read_seq < v_last then v_systems else read_system_count end,
        last_read_seq = greatest(last_read_seq, v_last), last_delivered_seq = greatest(last_delivered_seq, v_last)
    where conversation_id = p_conversation_id and (last_read_seq < v_last or last_delivered_seq < v_last);
    return to_json(v_deleted);
end $$;
