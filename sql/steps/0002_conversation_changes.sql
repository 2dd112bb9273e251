-- audience_version grows with every change of the members; changed_in is the transaction of the row's last change.
alter table public.conversations
    add column audience_version bigint not null default 1,
    add column changed_in xid8;
alter table public.conversations alter column changed_in set default pg_current_xact_id();

create function public.chat_stamp_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
    new.changed_in := pg_current_xact_id();
    return new;
end $$;
create trigger chat_stamp_change before update on public.conversations
    for each row execute function public.chat_stamp_change();
