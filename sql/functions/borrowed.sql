-- Copies of chat_make_tombstone, chat_summed_reactions, chat_hand_over and chat_shared_conversation_json: this file goes when
-- deletions.sql, reactions.sql, departures.sql and conversations.sql have them, which come later and win.

create or replace function public.chat_make_tombstone(p_message public.messages, p_version bigint) returns public.messages
language plpgsql set search_path = ''
as $$
begin
    delete from public.chat_message_edits where message_id = p_message.id;
    delete from public.chat_reactions where message_id = p_message.id;
    delete from public.chat_mentions where message_id = p_message.id;
    update public.messages
    set message = '', deleted_at = clock_timestamp(), version = p_version, edited_at = null, edited_version = null,
        reactions = null, mentions = null, attachments = null, pinned_at = null, custom = null
    where id = p_message.id
    returning * into p_message;
    update public.messages as root
    set version = p_version, reply_count = reply_count - 1,
        last_reply_at = case
            when last_reply_at > p_message.created_at then last_reply_at
            else (
                select created_at from public.messages
                where thread_id = root.id and deleted_at is null order by seq desc limit 1
            )
        end
    where id = p_message.thread_id;
    return p_message;
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

-- See to it that the owner of a locked conversation is one of its members: the longest-standing admin, else member, follows
-- one who has left. Returns false when nobody is left.
create or replace function public.chat_hand_over(p_conversation public.conversations) returns boolean
language plpgsql set search_path = ''
as $$
declare
    v_heir uuid;
begin
    select user_id into v_heir from public.user_conversation
    where conversation_id = p_conversation.id
    order by user_id = p_conversation.owner_user_id desc, role = 'admin' desc, joined_at nulls first, user_id
    limit 1;
    if v_heir <> p_conversation.owner_user_id then
        update public.conversations set owner_user_id = v_heir where id = p_conversation.id;
    end if;
    return v_heir is not null;
end $$;

-- A conversation as everybody sees it who belongs to it: what events carry.
create or replace function public.chat_shared_conversation_json(p_conversation public.conversations) returns json
language sql stable
as $$
    select public.chat_merge(
        public.chat_conversation_json(p_conversation),
        json_build_object('participants', public.chat_participants_json(p_conversation))
    )
$$;
