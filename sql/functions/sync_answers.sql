create or replace function public.chat_unchanged_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object(
            'id', p_conversation.id, 'version', p_conversation.version, 'last_seq', p_conversation.last_seq,
            'oldest_seq', p_conversation.oldest_seq
        ),
        public.chat_own_json(p_conversation, p_member)
    )
$$;

-- p_since: the version that is known, 0 for none, -1 for none that is of use.
create or replace function public.chat_changed_conversation_json(
    p_conversation public.conversations, p_member public.user_conversation, p_since bigint, p_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_messages json;
    v_recovered boolean;
begin
    v_recovered := p_since between 0 and p_conversation.version and p_limit >= (
        select count(*) from (
            select from public.messages where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit + 1
        ) as changed
    );
    if v_recovered then
        select coalesce(json_agg(public.chat_message_json(changed.m, a.author, p_member) order by (changed.m).seq), '[]') into v_messages
        from (
            select m from public.messages as m
            where conversation_id = p_conversation.id and version > p_since
            order by version limit p_limit
        ) as changed
        cross join lateral (select u as author from public.users as u where u.id = (changed.m).user_id limit 1) as a
        where (changed.m).seq >= p_member.history_from;
        v_recovered := octet_length(v_messages::text) <= public.chat_page_bytes() / 2;
    end if;
    if not v_recovered then
        v_messages := public.chat_newest_messages_json(p_conversation, p_member, p_limit);
    end if;
    return public.chat_merge(
        public.chat_member_conversation_json(p_conversation, p_member, v_messages),
        json_build_object('recovered', v_recovered)
    );
end $$;
