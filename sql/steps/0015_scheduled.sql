-- Messages to send later: draft as chat_send_message takes it. The job that sends one knows its id and send_at.
create table public.chat_scheduled (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations (id) on delete cascade,
    user_id uuid not null,
    draft jsonb not null,
    send_at timestamptz not null,
    failed text,                                                   -- the code of what forbade it at its time
    created_at timestamptz not null default now()
);
create index chat_scheduled_user on public.chat_scheduled (user_id, send_at, id);
create index chat_scheduled_conversation on public.chat_scheduled (conversation_id);
create unique index chat_scheduled_client_id on public.chat_scheduled (user_id, conversation_id, (draft ->> 'client_id'));
