-- Work for later, or for another process: written in the transaction that asks for it, claimed by a runner.
create table public.chat_jobs (
    id bigint generated always as identity primary key,
    kind text not null,
    payload jsonb not null default '{}',
    key text unique,                       -- at most one job with this key
    state text not null default 'waiting' check (state in ('waiting', 'running', 'dead')),
    run_at timestamptz not null default now(),
    attempts integer not null default 0,
    claimed_by text,                       -- the process that runs it
    claimed_until timestamptz,             -- afterwards that process counts as gone
    last_error text,
    created_at timestamptz not null default now()
);
create index chat_jobs_due on public.chat_jobs (run_at) where state = 'waiting';
create index chat_jobs_claimed on public.chat_jobs (claimed_until) where state = 'running';
