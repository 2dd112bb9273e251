-- Copies of functions of departures.sql and conversations.sql: this file goes when those have them.

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
