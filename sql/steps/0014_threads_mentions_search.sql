-- Who follows a thread, or did, and how far they have read it. And who was mentioned where.
create table public.chat_thread_members (
    thread_id uuid not null references public.messages (id) on delete cascade,
    user_id uuid not null,
    conversation_id uuid not null,
    following boolean,                                             -- null: has read it, and never chose
    last_read_seq bigint not null default 0,
    primary key (thread_id, user_id)
);
create index chat_thread_members_user on public.chat_thread_members (user_id, conversation_id) where following;
create table public.chat_mentions (
    message_id uuid not null references public.messages (id) on delete cascade,
    user_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    created_at timestamptz not null,
    primary key (message_id, user_id)
);
create index chat_mentions_user on public.chat_mentions (user_id, created_at desc, message_id desc);

-- A character of a script that is written without spaces: Thai to Khmer, kana, Chinese, Korean (where particles stick).
create function public.chat_unspaced() returns text
language sql immutable parallel safe
as $$ select '[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2E80-\uA4CF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF]' $$;

-- The words of a message, as the index of messages holds them, in lower case and of whatever language; each character of an
-- unspaced script counts as a word. Punctuation parts words: PostgreSQL would take a/b.c for a path and <b> for a tag. What
-- this returns must never change: another function would need another index.
create function public.chat_search_vector(p_text text) returns tsvector
language plpgsql immutable parallel safe cost 1000
as $$
begin
    if p_text !~ '[^a-zA-Z0-9 ,!?.]|[.][^ ]' then  -- most of the time, at a third of the price
        return to_tsvector('pg_catalog.simple', p_text);
    end if;
    return to_tsvector('pg_catalog.simple', regexp_replace(
        translate(p_text, E'<>{}()[]|\\/.,:;!?@#$%^&*+=~_''"`-', repeat(' ', 40)),
        '(' || public.chat_unspaced() || ')', ' \1 ', 'g'
    ));
end $$;
