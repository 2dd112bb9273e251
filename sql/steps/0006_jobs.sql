-- Work for later, or for another process: written in the transaction that asks for it, claimed by a runner. And the jobs
-- of single processes that fail (state `failing`), which nobody claims.
create table public.chat_jobs (
    id bigint generated always as identity primary key,
    kind text not null,
    payload jsonb not null default '{}',
    key text,
    state text not null default 'waiting' check (state in ('waiting', 'running', 'failing', 'dead')),
    run_at timestamptz not null default now(),     -- waiting: when it is due; otherwise: since when it is in its state
    attempts integer not null default 0,           -- begun runs, since the job was added, armed again or retried
    claims integer not null default 0,             -- every claim there was: its number proves who holds the job now
    claimed_by text,                               -- the process that runs it
    claimed_until timestamptz,                     -- afterwards that process counts as gone
    idempotent boolean not null default false,     -- these three as the process declared them that claimed it
    max_attempts integer,
    every double precision,                        -- seconds from one run to the next
    last_error text,
    created_at timestamptz not null default now()
);
create unique index chat_jobs_key on public.chat_jobs (key) where state <> 'dead';
create index chat_jobs_due on public.chat_jobs (run_at, id) where state = 'waiting';
create index chat_jobs_claimed on public.chat_jobs (claimed_until) where state = 'running';
