-- Closed, but for the server: row level security without a policy, and every right taken from everyone. Supabase grants
-- new tables and functions to anon and authenticated by default; whoever has the public key must get nothing here.
-- Tables and functions are found by their names, so that none can be forgotten.
do $$
declare
    v_table regclass;
    v_function record;
    v_role text;
begin
    for v_table in
        select oid::regclass from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity
          and (relname in ('users', 'conversations', 'user_conversation', 'messages') or relname like 'chat\_%')
    loop
        execute format('alter table %s enable row level security', v_table);
    end loop;
    for v_role in
        select 'public' union all select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated')
    loop
        for v_table in
            select oid::regclass from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')
              and (relname in ('users', 'conversations', 'user_conversation', 'messages') or relname like 'chat\_%')
        loop
            execute format('revoke all on %s from %s', v_table, v_role);
        end loop;
        for v_function in
            select oid::regprocedure as name from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f'
        loop
            execute format('revoke all on function %s from %s', v_function.name, v_role);
        end loop;
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
        for v_function in
            select oid::regprocedure as name from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'chat\_%' and prokind = 'f' and prosecdef
              and prorettype <> 'trigger'::regtype
        loop
            execute format('grant execute on function %s to service_role', v_function.name);
        end loop;
    end if;
end $$;
