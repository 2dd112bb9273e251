-- Rows are looked up by an index, also while there are few: a session keeps its plans, and one that was made for a hundred
-- messages must not read all of a hundred thousand, until PostgreSQL counts them again.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select oid from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f' and prosecdef
    loop
        execute format('alter function %s set enable_seqscan = off', v_function);
    end loop;
end $$;
