create function public.chat_hear_members() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    v_row record;
begin
    if not (select webhook from public.chat_listeners) then
        return null;
    end if;
    for v_row in
        select conversation_id, array_agg(jsonb_build_object('user_id', user_id) order by user_id) as subjects
        from touched group by conversation_id
    loop
        -- Who goes with the conversation is no news of its own.
        if exists (select from public.conversations where id = v_row.conversation_id) then
            perform public.chat_add_webhook_events(
                v_row.conversation_id, case tg_op when 'INSERT' then 'member.added' else 'member.removed' end, v_row.subjects
            );
        end if;
    end loop;
    return null;
end $$;
create trigger chat_hear_new_members after insert on public.user_conversation
    referencing new table as touched for each statement execute function public.chat_hear_members();
create trigger chat_hear_gone_members after delete on public.user_conversation
    referencing old table as touched for each statement execute function public.chat_hear_members();
