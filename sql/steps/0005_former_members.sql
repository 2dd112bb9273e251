-- Who was a member: the user's next sync says that the conversation is gone.
create table public.chat_former_members (
    user_id uuid not null references public.users (id) on delete cascade,
    conversation_id uuid not null,
    changed_in xid8 not null default pg_current_xact_id(),
    primary key (user_id, conversation_id)
);

create function public.chat_keep_former_members() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.chat_former_members (user_id, conversation_id)
    select gone.user_id, gone.conversation_id from gone
    where exists (select from public.users as u where u.id = gone.user_id)  -- the user may be deleted with its rows
    on conflict (user_id, conversation_id) do update set changed_in = pg_current_xact_id();
    return null;
end $$;
create trigger chat_keep_former_members after delete on public.user_conversation
    referencing old table as gone for each statement execute function public.chat_keep_former_members();
