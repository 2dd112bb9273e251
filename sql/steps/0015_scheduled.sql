-- Messages to send later: p_draft as chat_send_message takes it. The job that sends one has its id.
create table public.chat_scheduled (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations (id) on delete cascade,
    user_id uuid not null,
    draft jsonb not null,
    send_at timestamptz not null,
    created_at timestamptz not null default now()
);
create index chat_scheduled_conversation on public.chat_scheduled (conversation_id);
create index chat_scheduled_user on public.chat_scheduled (user_id, send_at, id);
