-- The members of the conversation whom a draft mentions: those it lists, and those its text names as `@[user_id]`. Null
-- for nobody.
create or replace function public.chat_mentioned(p_conversation_id uuid, p_draft jsonb) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
    if coalesce(p_draft -> 'mentions', '[]') = '[]' and strpos(p_draft ->> 'message', '@[') = 0 then
        return null;
    end if;
    return (
        select array_agg(m.user_id order by m.user_id) from public.user_conversation as m
        where m.conversation_id = p_conversation_id and m.user_id in (
            select id::uuid from jsonb_array_elements_text(p_draft -> 'mentions') as listed (id)
            union
            select named[1]::uuid from regexp_matches(
                p_draft ->> 'message', '@\[([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\]', 'g'
            ) as named
        )
    );
end $$;

-- Remember whom a message mentions, in place of whom it mentioned before an edit.
create or replace function public.chat_note_mentions(p_message public.messages) returns void
language plpgsql set search_path = ''
as $$
begin
    if p_message.mentions is null then
        return;
    end if;
    insert into public.chat_mentions (message_id, user_id, conversation_id, seq, created_at)
    select p_message.id, id, p_message.conversation_id, p_message.seq, p_message.created_at
    from unnest(p_message.mentions) as id where id <> p_message.user_id;
end $$;
