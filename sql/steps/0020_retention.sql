alter table public.conversations add column retention_days integer check (retention_days > 0);  -- null: as long as the server says
