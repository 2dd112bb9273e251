alter table public.messages
    add column changed_in xid8;
alter table public.messages alter column changed_in set default pg_current_xact_id();
create trigger chat_stamp_change before update on public.messages
    for each row execute function public.chat_stamp_change();
