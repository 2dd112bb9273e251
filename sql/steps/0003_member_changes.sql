-- joined_in is the transaction that added the member, changed_in that of the row's last change.
alter table public.user_conversation
    add column joined_in xid8,
    add column changed_in xid8;
alter table public.user_conversation
    alter column joined_in set default pg_current_xact_id(),
    alter column changed_in set default pg_current_xact_id();
create trigger chat_stamp_change before update on public.user_conversation
    for each row execute function public.chat_stamp_change();
