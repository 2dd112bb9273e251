-- Full text over messages, newest first, in bounded time. A frequent word is found soon by walking the newest messages, a
-- rare one by the index of words. Where neither comes to an end, the page does: `next` goes on from there.

-- The conversations in which a user searches: their ids, the first number that exists for the user, their last activity;
-- the latest first. With p_conversation_id that one alone.
create or replace function public.chat_search_places(
    p_user_id uuid, p_conversation_id uuid, out ids uuid[], out first_seqs bigint[], out active_at timestamptz[]
)
language plpgsql stable set search_path = ''
as $$
begin
    select array_agg(c.id order by c.last_activity_at desc), array_agg(m.history_from order by c.last_activity_at desc),
           array_agg(c.last_activity_at order by c.last_activity_at desc)
    into ids, first_seqs, active_at
    from public.user_conversation as m join public.conversations as c on c.id = m.conversation_id
    where m.user_id = p_user_id and (p_conversation_id is null or m.conversation_id = p_conversation_id);
    if ids is null and p_conversation_id is not null then
        raise exception using errcode = 'PT404', message = 'conversation_not_found';
    end if;
end $$;

-- Walk from p_before_at back through the messages of many conversations, in windows of time that hold some hundreds, until
-- p_wanted hits are found or p_budget messages were looked at: then all that is later than ended_at was.
create or replace function public.chat_walk_messages(
    p_ids uuid[], p_first_seqs bigint[], p_active_at timestamptz[], p_needles text[], p_words tsquery, p_author_id uuid,
    p_wanted integer, p_budget integer, p_before_at timestamptz, p_before_id uuid,
    out hit_ids uuid[], out ended_at timestamptz
)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    v_upper timestamptz := p_before_at;
    v_lower timestamptz;
    v_seconds double precision := 10;  -- the width of the window: few conversations were active in the first ones
    v_most integer := 1500;  -- messages of a window
    v_looked integer := 0;
    v_seen integer;
    v_hits uuid[];
begin
    hit_ids := '{}';
    loop
        v_lower := v_upper - make_interval(secs => v_seconds);
        select count(*), array_agg(w.id order by w.created_at desc, w.id desc) filter (
            where (w.created_at, w.id) < (p_before_at, p_before_id) and (p_author_id is null or w.user_id = p_author_id)
              and w.seq >= w.first_seq and w.deleted_at is null and w.type = 'text'
              and strpos(lower(w.message), p_needles[1]) > 0 and public.chat_is_hit(w.message, p_needles, p_words)
        ) into v_seen, v_hits
        from (
            select m.id, m.user_id, m.seq, m.type, m.message, m.created_at, m.deleted_at, c.first_seq
            from unnest(p_ids, p_first_seqs, p_active_at) as c (id, first_seq, active_at)
            cross join lateral (
                select * from public.messages as m
                where m.conversation_id = c.id and m.created_at > v_lower and m.created_at <= v_upper
                order by m.created_at desc limit v_most + 1
            ) as m
            where c.active_at > v_lower
            limit v_most + 1
        ) as w;
        if v_seen > v_most then  -- too many at once
            v_seconds := v_seconds / 8;
            v_most := case when v_seconds < 0.001 then v_most * 8 else v_most end;
            continue;
        end if;
        hit_ids := hit_ids || coalesce(v_hits, '{}');
        v_looked := v_looked + v_seen + 10;  -- a window costs something by itself
        exit when cardinality(hit_ids) >= p_wanted;
        v_upper := v_lower;
        if v_seen = 0 then  -- over the gap
            select max(m.created_at) into v_upper
            from unnest(p_ids) as c (id) cross join lateral (
                select created_at from public.messages as m
                where m.conversation_id = c.id and m.created_at <= v_lower order by m.created_at desc limit 1
            ) as m;
            exit when v_upper is null;
        end if;
        if v_looked >= p_budget then
            ended_at := v_upper;
            exit;
        end if;
        v_seconds := v_seconds * least(greatest(500.0 / greatest(v_seen, 1), 0.125), 8);
    end loop;
    hit_ids := hit_ids[:p_wanted];
end $$;

-- The hits that the index of words knows, unless it names more than p_most messages, of whatever conversations.
create or replace function public.chat_look_up_messages(
    p_ids uuid[], p_first_seqs bigint[], p_needles text[], p_words tsquery, p_indexed tsquery, p_author_id uuid,
    p_wanted integer, p_most integer, p_before_at timestamptz, p_before_id uuid,
    out hit_ids uuid[], out is_complete boolean
)
language plpgsql stable set search_path = '' set max_parallel_workers_per_gather = 0 set jit = off
as $$
begin
    with named as materialized (
        select id, conversation_id, seq, user_id, created_at, message from public.messages
        where public.chat_search_vector(message) @@ p_indexed and deleted_at is null and type = 'text'
        limit p_most + 1
    ), hits as (
        select id, created_at from named
        where conversation_id = any (p_ids) and seq >= p_first_seqs[array_position(p_ids, conversation_id)]
          and (created_at, id) < (p_before_at, p_before_id) and (p_author_id is null or user_id = p_author_id)
          and public.chat_is_hit(message, p_needles, p_words)
        order by created_at desc, id desc limit p_wanted
    )
    select (select count(*) from named) <= p_most,
           array(select id from hits order by created_at desc, id desc)
    into is_complete, hit_ids;
end $$;

-- The first p_limit hits as a page. p_ended_at: where the search has stopped before it came to the end.
create or replace function public.chat_hits_json(
    p_user_id uuid, p_hit_ids uuid[], p_limit integer, p_pattern text, p_ended_at timestamptz
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    v_row record;
    v_item json;
    v_items json[] := '{}';
    v_bytes bigint := 0;
    v_last json;
    v_next json := case when p_ended_at is not null then json_build_object(
        'at', public.chat_time(p_ended_at), 'id', 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    ) end;
begin
    for v_row in
        select f.message, f.id, f.created_at, f.text, a.author, u.member
        from unnest(p_hit_ids) with ordinality as hit (id, place)
        cross join lateral (
            select m as message, m.id, m.created_at, m.user_id, m.conversation_id, m.message as text
            from public.messages as m where m.id = hit.id limit 1
        ) as f
        cross join lateral (select u as author from public.users as u where u.id = f.user_id limit 1) as a
        cross join lateral (
            select u as member from public.user_conversation as u
            where u.conversation_id = f.conversation_id and u.user_id = p_user_id limit 1
        ) as u
        order by hit.place
    loop
        if cardinality(v_items) = p_limit or v_bytes > public.chat_page_bytes() then
            v_next := v_last;
            exit;
        end if;
        v_item := public.chat_merge(
            public.chat_message_json(v_row.message, v_row.author, v_row.member),
            json_build_object('highlight', public.chat_highlight(v_row.text, p_pattern))
        );
        v_items := v_items || v_item;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_last := json_build_object('at', public.chat_time(v_row.created_at), 'id', v_row.id);
    end loop;
    return json_build_object('info', json_build_object('next', v_next), 'items', array_to_json(v_items));
end $$;

-- A page of the hits, newest first; p_before_at and p_before_id are the cursor. `next` may follow a page that is not full:
-- the search has looked at as many messages as one answer may cost.
create or replace function public.chat_search_messages(
    p_user_id uuid, p_issued_at double precision, p_query text, p_conversation_id uuid, p_author_id uuid, p_limit integer,
    p_before_at timestamptz, p_before_id uuid
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_query record;
    v_in record;
    v_hit_ids uuid[];
    v_ended_at timestamptz;
    v_found record;
    v_more record;
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_query from public.chat_parse_search(p_query);
    select * into v_in from public.chat_search_places(p_user_id, p_conversation_id);
    p_before_id := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    p_before_at := coalesce(p_before_at, v_in.active_at[1], 'epoch');
    select * into v_hit_ids, v_ended_at from public.chat_walk_messages(
        v_in.ids, v_in.first_seqs, v_in.active_at, v_query.needles, v_query.words, p_author_id, p_limit + 1, 1000,
        p_before_at, p_before_id
    );
    -- With that many hits among a thousand, going on is less than reading what the index has of so frequent a word.
    if v_ended_at is not null and cardinality(v_hit_ids) < 15 and v_query.indexed is not null then
        select * into v_found from public.chat_look_up_messages(
            v_in.ids, v_in.first_seqs, v_query.needles, v_query.words, v_query.indexed, p_author_id, p_limit + 1, 1500,
            p_before_at, p_before_id
        );
        if v_found.is_complete then
            v_hit_ids := v_found.hit_ids;
            v_ended_at := null;
        end if;
    end if;
    if v_ended_at is not null then
        select * into v_more from public.chat_walk_messages(
            v_in.ids, v_in.first_seqs, v_in.active_at, v_query.needles, v_query.words, p_author_id,
            p_limit + 1 - cardinality(v_hit_ids), 2000, v_ended_at, 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        );
        v_hit_ids := v_hit_ids || v_more.hit_ids;
        v_ended_at := v_more.ended_at;
    end if;
    return public.chat_hits_json(p_user_id, v_hit_ids, p_limit, v_query.pattern, v_ended_at);
end $$;

-- Move what waits into the index of words, so that no send must.
create or replace function public.chat_flush_search() returns json
language sql security definer set search_path = ''
as $$ select to_json(gin_clean_pending_list('public.messages_search')) $$;
