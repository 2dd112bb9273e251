-- Everything the server needs to know of the schema at its start: `{version, functions_hash, oldest_code}`.
create or replace function public.chat_get_schema() returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object('version', version, 'functions_hash', functions_hash, 'oldest_code', oldest_code)
    from public.chat_schema
$$;

-- One form for every time: UTC with offset, always six digits, whatever the session's time zone.
create or replace function public.chat_time(p_time timestamptz) returns text
language sql stable
as $$ select to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') $$;

-- The keys of one JSON object, then those of another; as text, so that they keep their order.
create or replace function public.chat_merge(p_first json, p_second json) returns json
language sql immutable
as $$ select (left(p_first::text, -1) || ', ' || substr(p_second::text, 2))::json $$;

-- Where an answer of many things ends: messages may be long, and a client that was away for long asks for many.
create or replace function public.chat_page_bytes() returns integer
language sql immutable
as $$ select 2 * 1024 * 1024 $$;

-- What every write returns: whether others must hear of it, the version of the conversation's members at that moment,
-- and the result as its caller gets it, which is also the event.
create or replace function public.chat_change_json(p_announce boolean, p_audience_version bigint, p_result json) returns json
language sql immutable
as $$
    select json_build_object('announce', p_announce, 'audience_version', p_audience_version, 'result', p_result)
$$;

-- The same where events differ from the result, or are several: `[{event, payload, …}]`, see `Announcement`.
create or replace function public.chat_change_json(
    p_announce boolean, p_audience_version bigint, p_result json, p_events json
) returns json
language sql immutable
as $$
    select json_build_object(
        'announce', p_announce, 'audience_version', p_audience_version, 'result', p_result, 'events', p_events
    )
$$;
