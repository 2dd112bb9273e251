-- A job: waiting, then running under a lease, then gone; or waiting again after an error, or dead with the last one. The
-- clock of the database decides. Every claim has a number, and what the holder of an earlier one says changes nothing.

create or replace function public.chat_job_json(p_job public.chat_jobs) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_job.id, 'kind', p_job.kind, 'payload', p_job.payload, 'key', p_job.key, 'state', p_job.state,
        'run_at', public.chat_time(p_job.run_at), 'attempts', p_job.attempts, 'max_attempts', p_job.max_attempts,
        'claim', p_job.claims, 'claimed_by', p_job.claimed_by, 'claimed_until', public.chat_time(p_job.claimed_until),
        'last_error', p_job.last_error, 'created_at', public.chat_time(p_job.created_at)
    )
$$;

-- Add a job and return its id. Null when a job with this key is waiting or running: that one is left as it is. Without
-- p_run_at it is due at once. For other functions too, in the transaction of the change that asks for the work.
create or replace function public.chat_add_job(p_kind text, p_payload jsonb, p_key text, p_run_at timestamptz) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id bigint;
begin
    insert into public.chat_jobs (kind, payload, key, run_at)
    values (p_kind, p_payload, p_key, coalesce(p_run_at, now()))
    on conflict (key) where state <> 'dead' do nothing
    returning id into v_id;
    return coalesce(to_json(v_id), 'null');
end $$;

-- Claim up to p_limit jobs that are due, for p_lease seconds. p_kinds: `{kind: {idempotent, attempts, every}}`, the kinds
-- that this process knows; others wait for a process that does. p_running: the jobs that it runs. `next_in`: seconds until
-- the next one is due.
create or replace function public.chat_claim_jobs(
    p_kinds jsonb, p_process text, p_running bigint[], p_lease double precision, p_limit integer
) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_jobs json;
begin
    -- Claimed for this process by a call whose answer was lost: nothing has begun to run.
    update public.chat_jobs
    set state = 'waiting', attempts = attempts - 1, claimed_by = null, claimed_until = null
    where state = 'running' and claimed_by = p_process and id <> all (p_running);
    with due as materialized (  -- planned into the update, it might be run more than once and claim too many
        select id from public.chat_jobs
        where state = 'waiting' and run_at <= now() and p_kinds ? kind
        order by run_at, id limit p_limit
        for update skip locked
    ), claimed as (
        update public.chat_jobs as j
        set state = 'running', run_at = now(), attempts = j.attempts + 1, claims = j.claims + 1,
            claimed_by = p_process, claimed_until = now() + make_interval(secs => p_lease),
            idempotent = (p_kinds -> j.kind ->> 'idempotent')::boolean,
            max_attempts = (p_kinds -> j.kind ->> 'attempts')::integer,
            every = (p_kinds -> j.kind ->> 'every')::double precision
        from due where j.id = due.id
        returning j
    )
    select coalesce(json_agg(public.chat_job_json(j) order by (j).id), '[]') into v_jobs from claimed;
    return json_build_object('jobs', v_jobs, 'next_in', (
        select extract(epoch from min(run_at) - now()) from public.chat_jobs where state = 'waiting' and p_kinds ? kind
    ));
end $$;

-- Hold jobs for p_lease seconds more. p_claims: `{id: claim}`. Returns the ids of those that are still held.
create or replace function public.chat_renew_jobs(p_claims jsonb, p_lease double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_held json;
begin
    with held as (
        update public.chat_jobs as j set claimed_until = now() + make_interval(secs => p_lease)
        from jsonb_each_text(p_claims) as c
        where j.id = c.key::bigint and j.claims = c.value::integer and j.state = 'running'
        returning j.id
    )
    select coalesce(json_agg(id), '[]') into v_held from held;
    return v_held;
end $$;

-- The end of a run that succeeded. Returns whether the job was still held.
create or replace function public.chat_finish_job(p_id bigint, p_claim integer) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    delete from public.chat_jobs where id = p_id and claims = p_claim and state = 'running' and every is null;
    if not found then
        update public.chat_jobs
        set state = 'waiting', run_at = now() + make_interval(secs => every), attempts = 0, last_error = null,
            claimed_by = null, claimed_until = null
        where id = p_id and claims = p_claim and state = 'running';
    end if;
    return to_json(found);
end $$;

-- What becomes of a job whose run did not end well: it waits p_delay seconds and runs again; otherwise one that recurs waits
-- for its next time, and any other is dead. Returns its new state.
create or replace function public.chat_put_back_job(
    p_job public.chat_jobs, p_again boolean, p_delay double precision, p_error text
) returns text
language sql
as $$
    update public.chat_jobs
    set state = case when p_again or every is not null then 'waiting' else 'dead' end,
        run_at = now() + make_interval(secs => case when p_again then p_delay else coalesce(every, 0) end),
        attempts = case when p_again or every is null then p_job.attempts else 0 end,
        last_error = p_error, claimed_by = null, claimed_until = null
    where id = p_job.id
    returning state
$$;

-- The end of a run that failed. The next try comes after 2, 4, 8, … seconds, an hour at most, each a quarter more or less, so
-- that jobs which failed together do not come back together. Returns the new state, null when the job was not held.
create or replace function public.chat_fail_job(p_id bigint, p_claim integer, p_error text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    select * into v_job from public.chat_jobs where id = p_id and claims = p_claim and state = 'running' for update;
    if not found then
        return 'null';
    end if;
    return to_json(public.chat_put_back_job(
        v_job, v_job.attempts < v_job.max_attempts,
        least(2 ^ least(v_job.attempts, 12), 3600) * (0.75 + random() / 2), p_error
    ));
end $$;

-- Take back the jobs whose lease ran out. Nobody knows how far they came: those that are not idempotent do not run again.
-- Returns the jobs.
create or replace function public.chat_recover_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
    v_jobs json[] := '{}';
begin
    for v_job in
        select * from public.chat_jobs where state = 'running' and claimed_until < now() order by id for update skip locked
    loop
        perform public.chat_put_back_job(v_job, v_job.idempotent and v_job.attempts < v_job.max_attempts, 0, format(
            'The process %s ended or lost the database while it ran this job: it may be done, in part or as a whole.',
            v_job.claimed_by
        ));
        select * into v_job from public.chat_jobs where id = v_job.id;
        v_jobs := v_jobs || public.chat_job_json(v_job);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- The end of a process: what it still runs is broken off, and its own jobs fail no longer. Returns the broken off jobs.
create or replace function public.chat_release_jobs(p_process text) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
    v_jobs json[] := '{}';
begin
    delete from public.chat_jobs where state = 'failing' and claimed_by = p_process;
    for v_job in
        select * from public.chat_jobs where state = 'running' and claimed_by = p_process order by id for update
    loop
        if v_job.idempotent then
            v_job.attempts := v_job.attempts - 1;  -- being stopped is no fault of the job
        else
            v_job.last_error := format(
                'The process %s was stopped while it ran this job: it may be done, in part or as a whole.', p_process
            );
        end if;
        perform public.chat_put_back_job(v_job, v_job.idempotent, 0, v_job.last_error);
        select * into v_job from public.chat_jobs where id = v_job.id;
        v_jobs := v_jobs || public.chat_job_json(v_job);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- Say that a job of a process fails, or with a null p_error that it no longer does. After p_seconds without a further word
-- the process counts as gone.
create or replace function public.chat_report_process_job(
    p_kind text, p_process text, p_error text, p_seconds double precision
) returns json
language plpgsql security definer set search_path = ''
as $$
begin
    if p_error is null then
        delete from public.chat_jobs where key = p_kind || '@' || p_process and state = 'failing';
    else
        insert into public.chat_jobs (kind, key, state, attempts, claimed_by, claimed_until, last_error)
        values (p_kind, p_kind || '@' || p_process, 'failing', 1, p_process, now() + make_interval(secs => p_seconds), p_error)
        on conflict (key) where state <> 'dead' do update
        set attempts = chat_jobs.attempts + 1, claimed_until = excluded.claimed_until, last_error = excluded.last_error;
    end if;
    return 'true';
end $$;

-- For people: `{waiting, jobs}`, how many wait, and up to p_limit jobs: all but those that wait without an error and are not
-- overdue. What fails in a process that has gone is left out.
create or replace function public.chat_list_jobs(p_limit integer) returns json
language sql stable security definer set search_path = ''
as $$
    select json_build_object(
        'waiting', (select count(*) from public.chat_jobs where state = 'waiting'),
        'jobs', (
            select coalesce(json_agg(public.chat_job_json(j)), '[]')
            from (
                select * from public.chat_jobs
                where state in ('running', 'dead')
                   or state = 'failing' and claimed_until > now()
                   or state = 'waiting' and (last_error is not null or run_at < now() - interval '1 minute')
                order by array_position(array['dead', 'failing', 'waiting', 'running'], state), run_at desc, id
                limit p_limit
            ) as j
        )
    )
$$;

-- Let a job that is dead, or waits, run now, with all its attempts before it. Returns the job as it is afterwards: still dead
-- when another one with its key is there; null when there is no such job.
create or replace function public.chat_retry_job(p_id bigint) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    begin
        update public.chat_jobs set state = 'waiting', run_at = now(), attempts = 0
        where id = p_id and state in ('dead', 'waiting');
    exception when unique_violation then
        null;
    end;
    select * into v_job from public.chat_jobs where id = p_id;
    return case when found then public.chat_job_json(v_job) else 'null' end;
end $$;

-- The same for every dead job. Returns the jobs as they are afterwards.
create or replace function public.chat_retry_dead_jobs() returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_id bigint;
    v_jobs json[] := '{}';
begin
    for v_id in select id from public.chat_jobs where state = 'dead' order by id loop
        v_jobs := v_jobs || public.chat_retry_job(v_id);
    end loop;
    return array_to_json(v_jobs);
end $$;

-- Delete a job, unless it runs. Returns it as it was, null when there is no such job.
create or replace function public.chat_drop_job(p_id bigint) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_job public.chat_jobs;
begin
    select * into v_job from public.chat_jobs where id = p_id for update;
    if not found then
        return 'null';
    end if;
    delete from public.chat_jobs where id = p_id and state <> 'running';
    return public.chat_job_json(v_job);
end $$;

-- Delete the jobs that died more than p_seconds ago, and what failed in processes that have gone. Returns how many.
create or replace function public.chat_delete_old_jobs(p_seconds double precision) returns json
language plpgsql security definer set search_path = ''
as $$
declare
    v_deleted bigint;
begin
    delete from public.chat_jobs
    where state = 'dead' and run_at < now() - make_interval(secs => p_seconds) or state = 'failing' and claimed_until < now();
    get diagnostics v_deleted = row_count;
    return to_json(v_deleted);
end $$;
