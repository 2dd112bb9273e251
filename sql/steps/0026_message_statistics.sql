-- PostgreSQL counts the messages only when there are some. Before that it plans as for a table that grows, which is right:
-- sessions keep what was planned for fifty messages until it counts again, a minute later, and then there may be many.
alter table public.messages set (
    autovacuum_analyze_threshold = 2000, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = 2000
);
