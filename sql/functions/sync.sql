-- Names the history of this database: a cursor of another one, or from before a restore, has another epoch. The timeline
-- is read from the log: after a failover the control file says the old one until the next checkpoint.
create or replace function public.chat_epoch() returns text
language plpgsql stable set search_path = ''
as $$
begin
    return left(encode(sha256(convert_to(concat_ws(' ',
        (select system_identifier from pg_control_system()),
        case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end,
        (select oid from pg_database where datname = current_database()),
        'public.conversations'::regclass::oid
    ), 'UTF8')), 'hex'), 12);
end $$;

-- Whether a row was changed by transaction p_from or a later one. A transaction from the future is one of before a
-- restore: such a row has not changed since.
create or replace function public.chat_changed_since(p_changed_in xid8, p_from xid8, p_snapshot pg_snapshot) returns boolean
language sql immutable
as $$ select coalesce(p_changed_in >= p_from and p_changed_in < pg_snapshot_xmax(p_snapshot), false) $$;

-- A cursor is `epoch.from`: what transaction `from` and later ones changed is not known yet. With `.to.at.id` it is in the
-- middle of a walk, after the conversation made at that time (microseconds) with that id; the next walk begins at `to`. All
-- is null for a cursor that this database did not make.
create or replace function public.chat_parse_cursor(
    p_cursor text, p_snapshot pg_snapshot, out from_xid xid8, out to_xid xid8, out after_at timestamptz, out after_id uuid
)
language plpgsql stable set search_path = ''
as $$
declare
    v_parts text[] := string_to_array(p_cursor, '.');
begin
    if v_parts[1] <> public.chat_epoch()
       or p_cursor !~ '^[0-9a-f]+[.][0-9]{1,18}([.][0-9]{1,18}[.]-?[0-9]{1,17}[.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$'
    then
        return;
    end if;
    if greatest(v_parts[2]::xid8, v_parts[3]::xid8) > pg_snapshot_xmax(p_snapshot) then
        return;  -- from the future: of before a restore
    end if;
    from_xid := v_parts[2]::xid8;
    to_xid := v_parts[3]::xid8;
    after_at := to_timestamp(0) + v_parts[4]::bigint * interval '1 microsecond';
    after_id := v_parts[5]::uuid;
end $$;

-- The newest version of a conversation that was known before transaction p_from, as far as its messages go: versions
-- follow the commits, so everything below one that was known is known. 0 where more than p_limit messages are newer.
create or replace function public.chat_known_version(
    p_conversation_id uuid, p_from xid8, p_snapshot pg_snapshot, p_limit integer
) returns bigint
language plpgsql stable set search_path = ''
as $$
begin
    return (
        select coalesce(max(version) filter (where not public.chat_changed_since(changed_in, p_from, p_snapshot)), 0)
        from (
            select version, changed_in from public.messages where conversation_id = p_conversation_id
            order by version desc limit p_limit + 1
        ) as newest
    );
end $$;

-- Everything that has changed in the user's conversations since the versions in p_since ({conversation_id: version}), or
-- since the answer that gave p_cursor; the newest conversation first: an order in which nothing moves while a client walks
-- through it, so that none is passed over. A changed conversation comes whole, with the
-- messages changed since; more than p_limit of them, or a version from another history, and it starts afresh:
-- recovered = false, the newest page. One that p_since knows, or in which only the user's own pointers have moved since
-- p_cursor, is a summary. At most 50 come whole, and the answer ends after two mebibytes; has_more says that the cursor
-- brings more. A cursor that is of no use starts everything afresh: reset.
create or replace function public.chat_sync(
    p_user_id uuid, p_issued_at double precision, p_since jsonb, p_cursor text, p_limit integer
) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
    v_snapshot pg_snapshot := pg_current_snapshot();
    v_cursor record;
    v_from xid8;
    v_to xid8;
    v_row record;
    v_is_walk boolean;  -- through everything: nothing is known
    v_known bigint;
    v_is_short boolean;
    v_is_full boolean;
    v_item json;
    v_items json[] := '{}';
    v_mine uuid[] := '{}';
    v_whole integer := 0;
    v_bytes bigint := 0;
    v_passed text;   -- the place of the last conversation that needs no other answer
    v_more text;     -- the same, once there is one that does
begin
    perform public.chat_require_user(p_user_id, p_issued_at);
    select * into v_cursor from public.chat_parse_cursor(p_cursor, v_snapshot);
    v_from := coalesce(v_cursor.from_xid, '0');
    v_to := coalesce(v_cursor.to_xid, pg_snapshot_xmin(v_snapshot));
    v_is_walk := v_from = '0' and coalesce(p_since, '{}') = '{}';
    for v_row in
        select c, m, c.id, c.version, m.joined_version, (p_since ->> c.id::text)::bigint as since,
               (extract(epoch from c.created_at) * 1000000)::bigint || '.' || c.id as place,
               public.chat_changed_since(c.changed_in, v_from, v_snapshot) as is_changed,
               public.chat_changed_since(m.joined_in, v_from, v_snapshot) as is_new
        from public.user_conversation as m
        join public.conversations as c on c.id = m.conversation_id
        where m.user_id = p_user_id
          and (v_cursor.after_id is null or (c.created_at, c.id) < (v_cursor.after_at, v_cursor.after_id))
          and (v_from = '0' or public.chat_changed_since(c.changed_in, v_from, v_snapshot)
               or public.chat_changed_since(m.changed_in, v_from, v_snapshot))
        order by c.created_at desc, c.id desc
        limit case when v_is_walk then 51 end  -- they all come whole, and no more of ten thousand need be sorted
    loop
        v_mine := v_mine || v_row.id;
        v_is_short := coalesce(v_row.since = v_row.version, false)
                      or (v_from > '0' and not v_row.is_changed and not v_row.is_new);
        v_is_full := v_bytes > public.chat_page_bytes();
        if v_is_full or (v_whole = 50 and not v_is_short) then
            v_more := coalesce(v_more, v_passed);
            exit when coalesce(p_since, '{}') = '{}';
            continue;  -- those that p_since knows are short, and do come while there is room
        end if;
        if v_is_short then
            v_item := public.chat_unchanged_conversation_json(v_row.c, v_row.m);
        else
            v_known := case
                -- whatever is known of it is from before the user was added (again): it starts afresh
                when v_row.is_new and v_from > '0' or v_row.since < v_row.joined_version then -1
                when v_from = '0' then coalesce(v_row.since, 0)
                else public.chat_known_version(v_row.id, v_from, v_snapshot, p_limit)
            end;
            v_item := public.chat_changed_conversation_json(v_row.c, v_row.m, v_known, p_limit);
            v_whole := v_whole + 1;
        end if;
        v_bytes := v_bytes + octet_length(v_item::text);
        v_items := v_items || v_item;
        v_passed := v_row.place;
    end loop;
    return json_build_object(
        'conversations', array_to_json(v_items),
        'removed', (
            select coalesce(json_agg(gone.id), '[]')
            from (
                select id::uuid from jsonb_object_keys(p_since) as known (id) except select unnest(v_mine)
                union
                select f.conversation_id from public.chat_former_members as f
                where f.user_id = p_user_id and v_from > '0' and v_cursor.after_id is null
                  and public.chat_changed_since(f.changed_in, v_from, v_snapshot)
                  and not exists (
                      select from public.user_conversation as m
                      where m.conversation_id = f.conversation_id and m.user_id = p_user_id
                  )
            ) as gone (id)
        ),
        'cursor', public.chat_epoch() || '.' || case when v_more is null then v_to::text else concat_ws('.', v_from, v_to, v_more) end,
        'has_more', v_more is not null,
        'reset', p_cursor is not null and v_cursor.from_xid is null
    );
end $$;
