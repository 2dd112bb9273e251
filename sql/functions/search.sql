-- What a query asks for. `words`: all of them, the last one as the beginning of a word. `indexed`: what of it the index is
-- asked, null where it would read too much. `needles`: what the text in lower case holds. `pattern`: what is marked.
create or replace function public.chat_parse_search(
    p_query text, out words tsquery, out indexed tsquery, out needles text[], out pattern text
)
language plpgsql immutable set search_path = ''
as $$
declare
    v_runs text[] := array(
        select run[1] from regexp_matches(lower(p_query), '(' || public.chat_unspaced() || '+)', 'g') as run
    );
begin
    -- A beginning of one or two letters is that of a thousand words.
    select string_agg(term, ' & ' order by place)::tsquery,
           string_agg(term, ' & ' order by place) filter (where is_whole or length(lexeme) > 2)::tsquery,
           array_agg(lexeme) filter (where not is_unspaced) || v_runs,
           concat_ws('|', string_agg(
               '\m' || lexeme || case when is_whole then '\M' else '\w*' end, '|'
           ) filter (where not is_unspaced), nullif(array_to_string(v_runs, '|'), ''))
    into words, indexed, needles, pattern
    from (
        select lexeme, place, is_unspaced, is_whole, quote_literal(lexeme) || case when is_whole then '' else ':*' end as term
        from (
            select each.lexeme, each.place, each.is_unspaced, each.is_unspaced or each.place < max(each.place) over () as is_whole
            from (
                select lexeme, positions[cardinality(positions)] as place, lexeme ~ public.chat_unspaced() as is_unspaced
                from unnest(public.chat_search_vector(p_query))
            ) as each
        ) as told
    ) as terms;
    if words is null then  -- signs alone: no index knows them
        needles := array[lower(btrim(p_query))];
        pattern := regexp_replace(btrim(p_query), '([^[:alnum:]\s])', '\\\1', 'g');
    end if;
end $$;

-- Whether a text fits a query: first what costs least.
create or replace function public.chat_is_hit(p_text text, p_needles text[], p_words tsquery) returns boolean
language plpgsql immutable cost 100
as $$
declare
    v_text text := lower(p_text);
    v_needle text;
begin
    foreach v_needle in array p_needles loop
        if strpos(v_text, v_needle) = 0 then
            return false;
        end if;
    end loop;
    return coalesce(public.chat_search_vector(p_text) @@ p_words, true);
end $$;

-- A text with the hits in <mark>, everything else escaped for HTML; of a long text 300 characters around the first hit.
create or replace function public.chat_highlight(p_text text, p_pattern text) returns text
language plpgsql immutable set search_path = ''
as $$
declare
    v_text text := translate(p_text, E'\x01\x02', '');
    v_at integer := regexp_instr(v_text, p_pattern, 1, 1, 0, 'i');
    v_start integer := 1;
begin
    if v_at = 0 then  -- the database does not know the letters of this script: then no bounds of words
        p_pattern := regexp_replace(p_pattern, '\\([mM]|w\*)', '', 'g');
        v_at := regexp_instr(v_text, p_pattern, 1, 1, 0, 'i');
    end if;
    if length(v_text) > 300 then
        v_start := greatest(least(v_at - 100, length(v_text) - 299), 1);
    end if;
    v_text := case when v_start > 1 then '…' else '' end || substr(v_text, v_start, 300)
              || case when v_start + 300 <= length(v_text) then '…' else '' end;
    v_text := regexp_replace(v_text, '(' || p_pattern || ')', E'\x01\\1\x02', 'gi');
    v_text := replace(replace(replace(replace(replace(
        v_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
    return replace(replace(v_text, E'\x01', '<mark>'), E'\x02', '</mark>');
end $$;
