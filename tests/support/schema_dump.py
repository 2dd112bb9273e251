"""What a database is: its schema from the catalogs, and its rows. Two that are equal are the same database."""

from typing import Any

import psycopg

#: Everything that decides how the product's part of a database behaves; `oid`s and the order of creation left out.
SCHEMA = {
    "columns": """
        select c.relname, a.attnum - (select count(*) from pg_attribute as gone
                                      where gone.attrelid = c.oid and gone.attisdropped and gone.attnum < a.attnum),
               a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               pg_get_expr(d.adbin, d.adrelid), a.attacl::text
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm')
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    """,
    "relations": """
        select relname, relkind, relrowsecurity, relforcerowsecurity, relacl::text
        from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S')
    """,
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        from pg_constraint where connamespace = 'public'::regnamespace
    """,
    "indexes": "select tablename, indexdef from pg_indexes where schemaname = 'public'",
    "functions": """
        select oid::regprocedure::text, pg_get_functiondef(oid), proacl::text
        from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat%'
    """,
    "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "policies": "select tablename, policyname from pg_policies where schemaname = 'public'",
    "extensions": "select extname from pg_extension",
}


def schema_of(url: str) -> dict[str, list[Any]]:
    """Return the schema `public` of a database, sorted, for comparison."""
    with psycopg.connect(url) as connection:
        return {name: sorted(connection.execute(query).fetchall(), key=repr) for name, query in SCHEMA.items()}


def rows_of(url: str, *tables: str) -> dict[str, list[str]]:
    """Return all rows of these tables, by default of all that the schema has, as sorted JSON texts."""
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'")
        found = [
            name
            for (name,) in connection.execute(
                "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            )
        ]
        return {
            name: sorted(text for (text,) in connection.execute(f"select to_jsonb(t)::text from public.{name} as t"))
            for name in tables or found
        }
