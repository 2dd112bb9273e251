create function public.chat_hear_conversations() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' then
        if (old.name, old.description, old.avatar_url, old.visibility, old.history, old.slow_mode_seconds, old.frozen, old.custom,
            old.owner_user_id)
           is not distinct from
           (new.name, new.description, new.avatar_url, new.visibility, new.history, new.slow_mode_seconds, new.frozen, new.custom,
            new.owner_user_id)
        then
            return null;
        end if;
    end if;
    if (select webhook from public.chat_listeners) then
        perform public.chat_add_webhook_events(
            coalesce(new.id, old.id),
            'conversation.' || case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'updated' else 'deleted' end,
            array[jsonb_build_object('version', coalesce(new.version, old.version))]
        );
    end if;
    return null;
end $$;
-- `when`: a send changes the row too, and must not pay for it.
create trigger chat_hear_changed_conversation after update on public.conversations
    for each row when (old.last_seq = new.last_seq) execute function public.chat_hear_conversations();
create trigger chat_hear_conversation after insert or delete on public.conversations
    for each row execute function public.chat_hear_conversations();
