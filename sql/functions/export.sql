-- A part of all that is stored of a person, for that person: `{lines, next}`, JSON objects of one line each, and the cursor
-- of what follows: `{kind, …}`, null at the end. A part has about p_limit lines, and ends early after a mebibyte.
create or replace function public.chat_export_user(
    p_user_id uuid, p_issued_at double precision, p_target_id uuid, p_cursor jsonb, p_limit integer
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_kinds text[] := array[
        'profile', 'membership', 'message', 'reaction', 'thread', 'mention', 'block', 'scheduled', 'invite', 'attachment', 'device'
    ];
    v_kind text := coalesce(p_cursor ->> 'kind', 'profile');
    v_row record;
    v_lines text[] := '{}';
    v_bytes bigint := 0;
    v_next jsonb;
begin
    perform public.chat_require_self(p_user_id, p_issued_at, p_target_id);
    if v_kind = 'message' then
        for v_row in
            select * from public.chat_export_messages(
                p_target_id, (p_cursor ->> 'conversation_id')::uuid, (p_cursor ->> 'seq')::bigint,
                (p_cursor ->> 'version')::bigint, p_limit
            )
        loop
            v_lines := v_lines || replace(v_row.line::text, E'\n', ' ');
            v_bytes := v_bytes + octet_length(v_row.line::text);
            v_next := jsonb_build_object('kind', v_kind) || v_row.cursor;
            exit when v_bytes > 1024 * 1024;
        end loop;
    else
        for v_row in
            select * from public.chat_export_rows(p_target_id, v_kind, coalesce(p_cursor ->> 'after', ''), p_limit)
        loop
            v_lines := v_lines || replace(v_row.line::text, E'\n', ' ');
            v_bytes := v_bytes + octet_length(v_row.line::text);
            v_next := jsonb_build_object('kind', v_kind, 'after', v_row.key);
            exit when v_bytes > 1024 * 1024;
        end loop;
    end if;
    if v_next is null then
        v_next := jsonb_build_object('kind', v_kinds[array_position(v_kinds, v_kind) + 1]);
    end if;
    return json_build_object(
        'lines', array_to_string(v_lines, E'\n'), 'next', case when v_next ->> 'kind' is not null then v_next end
    );
end $$;

-- What is stored of a person of one kind, in the order of a key. Each is a query by the person's id.
create or replace function public.chat_export_rows(
    p_user_id uuid, p_kind text, p_after text, p_limit integer, out key text, out line json
) returns setof record
language plpgsql stable set search_path = ''
as $$
begin
    return query
        select found.key collate "C", public.chat_merge(json_build_object('kind', p_kind), found.line) from (
            select 'profile' as key, public.chat_profile_json(u, true) as line
            from public.users as u where p_kind = 'profile' and u.id = p_user_id
            union all
            select m.conversation_id::text, json_build_object(
                'conversation_id', c.id, 'type', c.type, 'name', c.name, 'role', public.chat_role(c, m),
                'joined_at', public.chat_time(m.joined_at), 'custom', m.custom, 'last_read_seq', m.last_read_seq,
                'last_delivered_seq', m.last_delivered_seq, 'pinned', m.pinned,
                'archived', public.chat_is_archived(c, m), 'muted_until', public.chat_time(m.muted_until),
                'notifications', m.notifications
            )
            from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
            where p_kind = 'membership' and m.user_id = p_user_id
            union all
            select r.message_id || ' ' || r.emoji, json_build_object(
                'message_id', r.message_id, 'emoji', r.emoji, 'created_at', public.chat_time(r.created_at)
            )
            from public.chat_reactions as r where p_kind = 'reaction' and r.user_id = p_user_id
            union all
            select t.thread_id::text, json_build_object(
                'thread_id', t.thread_id, 'conversation_id', t.conversation_id, 'last_read_seq', t.last_read_seq
            )
            from public.chat_thread_members as t where p_kind = 'thread' and t.user_id = p_user_id and t.following
            union all
            select n.message_id::text, json_build_object(
                'message_id', n.message_id, 'conversation_id', n.conversation_id,
                'created_at', public.chat_time(n.created_at)
            )
            from public.chat_mentions as n where p_kind = 'mention' and n.user_id = p_user_id
            union all
            select b.blocked_user_id::text, json_build_object(
                'user_id', b.blocked_user_id, 'created_at', public.chat_time(b.created_at)
            )
            from public.chat_blocks as b where p_kind = 'block' and b.user_id = p_user_id
            union all
            select s.id::text, json_build_object(
                'id', s.id, 'conversation_id', s.conversation_id, 'send_at', public.chat_time(s.send_at),
                'message', s.draft ->> 'message'
            )
            from public.chat_scheduled as s where p_kind = 'scheduled' and s.user_id = p_user_id
            union all
            select i.code, json_build_object(
                'code', i.code, 'conversation_id', i.conversation_id, 'created_at', public.chat_time(i.created_at)
            )
            from public.chat_invites as i where p_kind = 'invite' and i.user_id = p_user_id
            union all
            select a.id::text, public.chat_merge(
                public.chat_attachment_json(a), json_build_object('message_id', a.message_id)
            )
            from public.chat_attachments as a
            where p_kind = 'attachment' and a.user_id = p_user_id and a.state = 'ready'
            union all
            select d.token, public.chat_merge(public.chat_device_json(d.token, d), json_build_object('endpoint', d.endpoint))
            from public.chat_devices as d where p_kind = 'device' and d.user_id = p_user_id
        ) as found
        where found.key collate "C" > p_after order by 1 limit p_limit;
end $$;

-- A person's own messages after a place, conversation by conversation, each followed by its earlier texts. No bitmaps: they
-- would read, and sort, the whole conversation for each part.
create or replace function public.chat_export_messages(
    p_user_id uuid, p_conversation_id uuid, p_seq bigint, p_version bigint, p_limit integer,
    out cursor jsonb, out line json
) returns setof record
language plpgsql stable set search_path = '' set enable_bitmapscan = off
as $$
declare
    v_conversation_id uuid := p_conversation_id;
    v_following uuid[];
    v_row record;
    v_left integer := p_limit;
begin
    loop
        for v_row in
            select own.message, e.version as edit_version, e.message as edit_text, e.edited_at
            from (
                -- `coalesce`: read in the order of their numbers, whatever the planner thinks of the author
                select m as message from public.messages as m
                where m.conversation_id = v_conversation_id and coalesce(m.user_id = p_user_id, false) and m.type = 'text'
                  and m.seq >= coalesce(p_seq, 0)
                order by m.seq limit v_left + 1
            ) as own
            cross join lateral (
                select 0 as version, null as message, null::timestamptz as edited_at
                union all
                select version, message, edited_at from public.chat_message_edits where message_id = (own.message).id
            ) as e
            where ((own.message).seq, e.version) > (coalesce(p_seq, 0), coalesce(p_version, 0))
            order by (own.message).seq, e.version limit v_left
        loop
            cursor := jsonb_build_object(
                'conversation_id', v_conversation_id, 'seq', (v_row.message).seq, 'version', v_row.edit_version
            );
            line := public.chat_exported_message_json(v_row.message, v_row.edit_version, v_row.edit_text, v_row.edited_at);
            v_left := v_left - 1;
            return next;
        end loop;
        exit when v_left <= 0;
        if v_following is null then
            v_following := array(
                select distinct conversation_id from public.messages
                where user_id = p_user_id and type = 'text'
                  and (v_conversation_id is null or conversation_id > v_conversation_id)
                order by conversation_id
            );
        end if;
        exit when cardinality(v_following) = 0;
        v_conversation_id := v_following[1];
        v_following := v_following[2:];
        p_seq := null;
        p_version := null;
    end loop;
end $$;

create or replace function public.chat_exported_message_json(
    p_message public.messages, p_edit_version bigint, p_edit_text text, p_edited_at timestamptz
) returns json
language sql stable
as $$
    select case
        when p_edit_version > 0 then json_build_object(
            'kind', 'edit', 'message_id', p_message.id, 'version', p_edit_version, 'message', p_edit_text,
            'edited_at', public.chat_time(p_edited_at)
        )
        else json_build_object(
            'kind', 'message', 'id', p_message.id, 'conversation_id', p_message.conversation_id, 'seq', p_message.seq,
            'message', p_message.message, 'created_at', public.chat_time(p_message.created_at),
            'edited_at', public.chat_time(p_message.edited_at), 'deleted_at', public.chat_time(p_message.deleted_at),
            'reply_to', p_message.reply_to, 'thread_id', p_message.thread_id,
            'mentions', coalesce(p_message.mentions, '{}'), 'attachments', coalesce(p_message.attachments, '[]'),
            'custom', coalesce(p_message.custom, '{}')
        )
    end
$$;
