"""Build migrations.sql from the files of this directory; `make sql` runs it.

python sql/build.py           writes ../migrations.sql
python sql/build.py --check   ends with 1 when the file is not what this would write
"""

import hashlib
import re
import sys
from pathlib import Path
from typing import NamedTuple

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

STEP = """-- >>> {kind} {number} {name}
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

#: What a step of indexes may hold.
INDEX = re.compile(r"create (?:unique )?index if not exists (\w+) on public\.[^;]+;\n")

#: How the file makes one: `if not exists` would lock the table first, and takes one that is not valid for made.
MAKE_INDEX = """if exists (select from pg_index where indexrelid = to_regclass('public.{name}') and not indisvalid) then
    drop index public.{name};  -- an interrupted `create index concurrently` left it behind
end if;
if to_regclass('public.{name}') is null then
    {statement}end if;
"""

FUNCTIONS = """-- >>> functions {hash}
{begin}set local check_function_bodies = off;  -- they name each other in any order


{functions}

-- plans -------------------------------------------------------------------------------------------------------------

{plans}
-- grants ------------------------------------------------------------------------------------------------------------

{grants}
update public.chat_schema set functions_hash = '{hash}', oldest_code = {oldest};

notify pgrst, 'reload schema';

commit;
"""


class Step(NamedTuple):
    """One file of sql/steps/; `kind` is `step`, or `indexes` where its name ends so."""

    number: int
    name: str
    kind: str
    body: str


def steps(source: Path) -> list[Step]:
    """Return the steps. Their numbers are 1, 2, 3, …, without a gap. Ends the program when they are not."""
    found = []
    for path in sorted((source / "steps").glob("*.sql")):
        named = re.fullmatch(r"(\d{4})_(\w+)", path.stem)
        if named is None:
            raise SystemExit(f"{path.name} is not named like 0001_what_it_does.sql.")
        body, kind = path.read_text(encoding="utf-8"), "step"
        if named[2].endswith("indexes"):
            body, kind = index_step(path.name, body), "indexes"
        found.append(Step(int(named[1]), named[2], kind, body))
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise SystemExit("The numbers of sql/steps/ have a gap, or one stands twice.")
    return found


def index_step(file_name: str, body: str) -> str:
    """Return a step of indexes as the pasted file has it. Ends the program when it holds anything else.

    A server makes its indexes one by one, `concurrently`, before it applies the step.
    """
    body = re.sub(r"^--.*\n|^\n", "", body, flags=re.MULTILINE)
    if INDEX.sub("", body):
        raise SystemExit(f"{file_name} may hold `create index if not exists … on public.…;` and comments only.")
    return INDEX.sub(lambda index: MAKE_INDEX.format(name=index[1], statement=index[0]), body)


def build(source: Path = HERE) -> str:
    """Return the text of migrations.sql."""
    parts = steps(source)
    functions = "\n\n".join(
        f"-- {path.stem} {'-' * (114 - len(path.stem))}\n\n{path.read_text(encoding='utf-8').strip()}\n"
        for path in sorted((source / "functions").glob("*.sql"))
    )
    plans = (source / "plans.sql").read_text(encoding="utf-8")
    grants = (source / "grants.sql").read_text(encoding="utf-8")
    digest = hashlib.sha256((functions + plans + grants).encode()).hexdigest()[:16]
    written = [
        (source / "header.sql").read_text(encoding="utf-8"),
        PREPARE.format(begin=BEGIN, version=len(parts)),
        *(STEP.format(begin=BEGIN, **step._asdict()) for step in parts),
        FUNCTIONS.format(hash=digest, begin=BEGIN, functions=functions, plans=plans, grants=grants, oldest=OLDEST_CODE),
    ]
    return "\n\n".join(each.rstrip() + "\n" for each in written)


if __name__ == "__main__":
    text = build()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        raise SystemExit("migrations.sql is not what sql/ makes: run `make sql`.")
