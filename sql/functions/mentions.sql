-- Whom a draft mentions: those it lists, and those its text names as `@[user_id]`. Null for nobody.
create or replace function public.chat_named(p_draft jsonb) returns uuid[]
language plpgsql immutable set search_path = ''
as $$
begin
    if coalesce(nullif(p_draft -> 'mentions', 'null'), '[]') = '[]' and coalesce(strpos(p_draft ->> 'message', '@['), 0) = 0 then
        return null;
    end if;
    return (
        select array_agg(id order by id) from (
            select id::uuid from jsonb_array_elements_text(nullif(p_draft -> 'mentions', 'null')) as listed (id)
            union
            select named[1]::uuid from regexp_matches(
                p_draft ->> 'message', '@\[([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\]', 'g'
            ) as named
        ) as named (id)
    );
end $$;

-- Those of them who are members of the conversation. Null for nobody.
create or replace function public.chat_mentioned(p_conversation_id uuid, p_draft jsonb) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
    v_named uuid[] := public.chat_named(p_draft);
begin
    if v_named is null then
        return null;
    end if;
    return (
        select array_agg(m.user_id order by m.user_id) from public.user_conversation as m
        where m.conversation_id = p_conversation_id and m.user_id = any (v_named)
    );
end $$;

-- Remember whom a message mentions, in place of whom it mentioned before an edit. Nobody is told of a mention by someone
-- who blocked them, or whom they blocked. Who is mentioned in a thread follows it, unless they chose not to.
create or replace function public.chat_note_mentions(p_message public.messages) returns void
language plpgsql set search_path = ''
as $$
declare
    v_told uuid[];
begin
    delete from public.chat_mentions
    where message_id = p_message.id and user_id <> all (coalesce(p_message.mentions, '{}'));
    if p_message.mentions is null then
        return;
    end if;
    v_told := array(
        select id from unnest(p_message.mentions) as id
        where id <> p_message.user_id and not exists (
            select from public.chat_blocks as b
            where (b.user_id, b.blocked_user_id) in ((id, p_message.user_id), (p_message.user_id, id))
        )
        order by id
    );
    insert into public.chat_mentions (message_id, user_id, conversation_id, seq, created_at)
    select p_message.id, id, p_message.conversation_id, p_message.seq, p_message.created_at from unnest(v_told) as id
    on conflict (message_id, user_id) do nothing;
    if p_message.thread_id is not null then
        perform public.chat_draw_into_thread(p_message.thread_id, p_message.conversation_id, v_told, p_message.seq - 1);
    end if;
end $$;

-- A page of the messages that mention the user, newest first; p_before_at and p_before_id are the cursor. Only of
-- conversations the user is in, without deleted ones and those of before the user's time.
create or replace function public.chat_list_mentions(
    p_user_id uuid, p_issued_at double precision, p_limit integer, p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    for v_row in
        select m.message, a.author, u.member, n.created_at, n.message_id
        from public.chat_mentions as n
        cross join lateral (
            select u as member from public.user_conversation as u
            where u.conversation_id = n.conversation_id and u.user_id = p_user_id and n.seq >= u.history_from limit 1
        ) as u
        cross join lateral (
            select m as message, m.user_id from public.messages as m where m.id = n.message_id and m.deleted_at is null limit 1
        ) as m
        cross join lateral (select u as author from public.users as u where u.id = m.user_id limit 1) as a
        where n.user_id = p_user_id and (n.created_at, n.message_id) < (
            coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        )
        order by n.created_at desc, n.message_id desc
        limit p_limit + 1
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_message_json(v_row.message, v_row.author, v_row.member);
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.message_id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;
