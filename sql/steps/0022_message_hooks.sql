-- Whoever listens hears of every new and changed message, whichever function writes it.
create function public.chat_hear_new_messages() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_listeners public.chat_listeners;
    v_row record;
begin
    select * into v_listeners from public.chat_listeners;
    if v_listeners.webhook then
        for v_row in
            select conversation_id, array_agg(jsonb_build_object('message_id', id, 'version', version) order by seq) as subjects
            from added group by conversation_id
        loop
            perform public.chat_add_webhook_events(v_row.conversation_id, 'message.created', v_row.subjects);
        end loop;
    end if;
    if v_listeners.push then
        perform public.chat_add_job('push_message', jsonb_build_object('message_id', id), null, null)
        from added where type = 'text' and deleted_at is null;
    end if;
    return null;
end $$;
create trigger chat_hear_new_messages after insert on public.messages
    referencing new table as added for each statement execute function public.chat_hear_new_messages();

create function public.chat_hear_changed_messages() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_row record;
begin
    if not (select webhook from public.chat_listeners) then
        return null;
    end if;
    for v_row in
        select conversation_id, type, array_agg(jsonb_build_object('message_id', id, 'version', version) order by version) as subjects
        from (
            select new.id, new.conversation_id, new.version, case
                when new.deleted_at is distinct from old.deleted_at then 'message.deleted'
                when (new.edited_version, new.pinned_at) is distinct from (old.edited_version, old.pinned_at) then 'message.updated'
                when new.reactions is distinct from old.reactions then 'reaction.updated'
            end as type
            from changed as new join before as old on old.id = new.id
        ) as each
        where type is not null
        group by conversation_id, type
    loop
        perform public.chat_add_webhook_events(v_row.conversation_id, v_row.type, v_row.subjects);
    end loop;
    return null;
end $$;
create trigger chat_hear_changed_messages after update on public.messages
    referencing old table as before new table as changed
    for each statement execute function public.chat_hear_changed_messages();
