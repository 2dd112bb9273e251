"""Build migrations.sql from the files of this directory; `make sql` runs it.

python sql/build.py           writes ../migrations.sql
python sql/build.py --check   ends with 1 when the file is not what this would write
"""

import hashlib
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "migrations.sql"

#: The oldest schema version whose code works on this schema: that of the last release.
OLDEST_CODE = 1

#: What every part begins with. Two servers that start at once migrate in turn.
BEGIN = """begin;
set local client_min_messages = warning;
set local lock_timeout = '3s';
set local statement_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(7243691); end $$;
"""

PREPARE = """-- >>> prepare
{begin}
-- The release that this database belongs to.
create table if not exists public.chat_schema (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    file_hash text
);
do $$
begin
    if exists (select from public.chat_schema where version > {version}) then
        raise exception using errcode = 'PT409', message = 'schema_too_new',
            detail = 'This database belongs to a newer release than this migrations.sql.';
    end if;
end $$;

commit;
"""

STEP = """-- >>> step {number} {name}
{begin}
do $step$
begin
    if exists (select from public.chat_schema where version >= {number}) then
        return;
    end if;

{body}
    insert into public.chat_schema (version) values ({number})
    on conflict (only_row) do update set version = excluded.version;
end $step$;

commit;
"""

FUNCTIONS = """-- >>> functions {hash}
{begin}set local check_function_bodies = off;  -- they name each other in any order


{functions}

-- grants ------------------------------------------------------------------------------------------------------------

{grants}
update public.chat_schema set functions_hash = '{hash}', oldest_code = {oldest};

notify pgrst, 'reload schema';

commit;
"""


def steps() -> list[tuple[int, str, str]]:
    """Return number, name and text of each step. The numbers are 1, 2, 3, …, without a gap."""
    found = []
    for path in sorted((HERE / "steps").glob("*.sql")):
        number, name = re.fullmatch(r"(\d{4})_(\w+)", path.stem).groups()  # type: ignore[union-attr]
        found.append((int(number), name, path.read_text(encoding="utf-8")))
    if [number for number, *_ in found] != list(range(1, len(found) + 1)):
        raise SystemExit("The numbers of sql/steps/ have a gap, or one stands twice.")
    return found


def build() -> str:
    """Return the text of migrations.sql."""
    parts = steps()
    functions = "\n\n".join(
        f"-- {path.stem} {'-' * (114 - len(path.stem))}\n\n{path.read_text(encoding='utf-8').strip()}\n"
        for path in sorted((HERE / "functions").glob("*.sql"))
    )
    grants = (HERE / "grants.sql").read_text(encoding="utf-8")
    digest = hashlib.sha256((functions + grants).encode()).hexdigest()[:16]
    written = [
        (HERE / "header.sql").read_text(encoding="utf-8"),
        PREPARE.format(begin=BEGIN, version=len(parts)),
        *(STEP.format(number=number, name=name, begin=BEGIN, body=body) for number, name, body in parts),
        FUNCTIONS.format(hash=digest, begin=BEGIN, functions=functions, grants=grants, oldest=OLDEST_CODE),
    ]
    return "\n\n".join(each.rstrip() + "\n" for each in written)


if __name__ == "__main__":
    text = build()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        raise SystemExit("migrations.sql is not what sql/ makes: run `make sql`.")
