-- Jobs are claimed by one process at a time, and by no other before claimed_until.

create or replace function public.chat_job_json(p_job public.chat_jobs) returns json
language sql stable
as $$
    select json_build_object(
        'id', p_job.id, 'kind', p_job.kind, 'payload', p_job.payload, 'key', p_job.key, 'state', p_job.state,
        'run_at', public.chat_time(p_job.run_at), 'attempts', p_job.attempts, 'claimed_by', p_job.claimed_by,
        'last_error', p_job.last_error, 'created_at', public.chat_time(p_job.created_at)
    )
$$;
