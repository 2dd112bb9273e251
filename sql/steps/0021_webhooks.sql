-- What is told to others: whether anybody listens, and the changes that the webhook has not heard of yet.
create table public.chat_listeners (
    only_row boolean primary key default true check (only_row),
    webhook boolean not null default false,
    push boolean not null default false
);
insert into public.chat_listeners default values;
create table public.chat_webhook_events (
    id bigint generated always as identity primary key,            -- their order
    event_id uuid not null default gen_random_uuid(),              -- the same at every try
    conversation_id uuid not null,
    type text not null,
    subject jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    dead_at timestamptz,                                           -- given up; people may send it again
    last_error text
);
create index chat_webhook_events_waiting on public.chat_webhook_events (conversation_id, id) where dead_at is null;

-- Note changes for the webhook, in the transaction of the change, and let a job send them: one for each conversation, so
-- that they go out in their order.
create function public.chat_add_webhook_events(p_conversation_id uuid, p_type text, p_subjects jsonb[]) returns void
language plpgsql set search_path = ''
as $$
begin
    if cardinality(p_subjects) = 0 then
        return;
    end if;
    insert into public.chat_webhook_events (conversation_id, type, subject)
    select p_conversation_id, p_type, subject from unnest(p_subjects) as subject;
    perform public.chat_add_job(
        'send_webhooks', jsonb_build_object('conversation_id', p_conversation_id), 'send_webhooks ' || p_conversation_id, null
    );
end $$;
