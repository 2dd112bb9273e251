-- The author, as messages and quotes show it.
create or replace function public.chat_author_json(p_user public.users) returns json
language sql stable
as $$
    select json_build_object('id', p_user.id, 'username', p_user.username, 'avatar_url', p_user.avatar_url)
$$;

-- A message as p_member sees it, or as events carry it where p_member is null: without `me` in its reactions, and with
-- quotes and threads that the server hides from members who may not see them. A deleted message keeps its place and its
-- number, without its text.
create or replace function public.chat_message_json(
    p_message public.messages, p_author public.users, p_member public.user_conversation
) returns json
language sql stable
as $$
    select public.chat_merge(
        json_build_object(
            'id', p_message.id, 'conversation_id', p_message.conversation_id, 'user_id', p_message.user_id,
            'message', case
                when p_message.deleted_at is not null then ''
                when p_message.type = 'system' then public.chat_system_text(p_message, p_author)
                else p_message.message
            end,
            'created_at', public.chat_time(p_message.created_at),
            'seq', p_message.seq, 'version', p_message.version, 'client_id', p_message.client_id,
            'deleted_at', public.chat_time(p_message.deleted_at),
            'users', public.chat_author_json(p_author),
            'type', p_message.type, 'edited_at', public.chat_time(p_message.edited_at)
        ),
        case
            when p_message.reply_to is null and p_message.thread_id is null and p_message.reply_count = 0
                 and p_message.reactions is null and p_message.mentions is null and p_message.attachments is null
                 and p_message.pinned_at is null and p_message.custom is null
            -- most messages; written out, because it costs a fourth of what building it does
            then '{"reply_to": null, "quote": null, "thread_id": null, "reply_count": 0, "last_reply_at": null, '
                 '"reactions": [], "mentions": [], "attachments": [], "pinned_at": null, "custom": {}}'::json
            else public.chat_message_features_json(p_message, p_member)
        end
    )
$$;

create or replace function public.chat_message_features_json(
    p_message public.messages, p_member public.user_conversation
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_from bigint := coalesce(p_member.history_from, 1);
    v_quoted record;
    v_quote json;
begin
    if p_message.reply_to is not null then
        select m, u as author into v_quoted
        from public.messages as m join public.users as u on u.id = m.user_id
        where m.id = p_message.reply_to and m.conversation_id = p_message.conversation_id and m.seq >= v_from;
        if found then
            v_quote := public.chat_quote_json(v_quoted.m, v_quoted.author);
        end if;
    end if;
    if p_message.thread_id is not null and not exists (
        select from public.messages as m where m.id = p_message.thread_id and m.seq >= v_from
    ) then
        p_message.thread_id := null;  -- the root is gone, or was before the member's time
    end if;
    if v_quote is null then
        p_message.reply_to := null;  -- likewise the original
    end if;
    if p_message.deleted_at is not null then
        v_quote := null;
        p_message.last_reply_at := null;
    end if;
    return json_build_object(
        'reply_to', p_message.reply_to, 'quote', v_quote,
        'thread_id', p_message.thread_id, 'reply_count', p_message.reply_count,
        'last_reply_at', public.chat_time(p_message.last_reply_at),
        'reactions', public.chat_reactions_json(p_message, p_member.user_id),
        'mentions', coalesce(p_message.mentions, '{}'), 'attachments', coalesce(p_message.attachments, '[]'),
        'pinned_at', public.chat_time(p_message.pinned_at), 'custom', coalesce(p_message.custom, '{}')
    );
end $$;

-- A message as one that answers it shows it: its first 200 characters, as they are now.
create or replace function public.chat_quote_json(p_message public.messages, p_author public.users) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_message.id, 'seq', p_message.seq, 'user_id', p_message.user_id, 'users', public.chat_author_json(p_author),
        'message', case
            when p_message.deleted_at is not null then ''
            when p_message.type = 'system' then public.chat_system_text(p_message, p_author)
            else left(p_message.message, 200)
        end,
        'deleted_at', public.chat_time(p_message.deleted_at)
    )
$$;

-- The reactions of a message; with p_user_id each says whether that user is among those who gave it: `me`.
create or replace function public.chat_reactions_json(p_message public.messages, p_user_id uuid) returns json
language plpgsql stable set search_path = ''
as $$
begin
    if p_message.reactions is null or p_user_id is null then
        return coalesce(p_message.reactions, '[]');
    end if;
    return (
        select json_agg(each.reaction || jsonb_build_object('me', exists (
            select from public.chat_reactions as r
            where r.message_id = p_message.id and r.emoji = each.reaction ->> 'emoji' and r.user_id = p_user_id
        )) order by each.place)
        from jsonb_array_elements(p_message.reactions) with ordinality as each (reaction, place)
    );
end $$;

-- How many bytes a message is as JSON, at most: a byte of text is six of JSON.
create or replace function public.chat_message_bytes(p_message public.messages) returns bigint
language sql immutable
as $$
    select 1500 + 6 * octet_length(p_message.message) + case when p_message.reply_to is null then 0 else 5000 end
        + 60 * coalesce(cardinality(p_message.mentions), 0) + 2 * octet_length(concat(p_message.reactions, p_message.attachments))
        + 6 * coalesce(octet_length(p_message.custom::text), 0)
$$;

-- The message that a member of its conversation names. Raises 404 message_not_found for one of another conversation, and
-- for one of before the member's time.
create or replace function public.chat_find_message(p_message_id uuid, p_member public.user_conversation) returns public.messages
language plpgsql stable set search_path = ''
as $$
declare
    v_message public.messages;
begin
    select * into v_message from public.messages where id = p_message_id;
    if not found or v_message.conversation_id <> p_member.conversation_id or v_message.seq < p_member.history_from then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return v_message;
end $$;

-- The conversation of a message, for ever. Raises 404 message_not_found.
create or replace function public.chat_get_message_conversation(p_message_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_conversation_id uuid;
begin
    select conversation_id into v_conversation_id from public.messages where id = p_message_id;
    if not found then
        raise exception using errcode = 'PT404', message = 'message_not_found';
    end if;
    return json_build_object('conversation_id', v_conversation_id);
end $$;
