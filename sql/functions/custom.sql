-- Merge a patch into the app's own data (RFC 7396): null removes a key. Raises 422 beyond 4 KiB.
create or replace function public.chat_merge_custom(p_custom jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    v_merged jsonb := public.chat_merge_patch(p_custom, p_patch);
begin
    -- without the blanks that PostgreSQL writes between keys and values
    if octet_length(regexp_replace(v_merged::text, '("(\\.|[^"\\])*")|\s', '\1', 'g')) > 4096 then
        raise exception using errcode = 'PT422', message = 'validation_failed',
            detail = '{"custom": ["Larger than 4 KiB as JSON."]}';
    end if;
    return v_merged;
end $$;

create or replace function public.chat_merge_patch(p_target jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    if p_target is null or jsonb_typeof(p_target) <> 'object' then
        p_target := '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(key, value), '{}') from (
            select key, value from jsonb_each(p_target) where not p_patch ? key
            union all
            select key, public.chat_merge_patch(p_target -> key, value) from jsonb_each(p_patch) where value <> 'null'
        ) as merged
    );
end $$;
