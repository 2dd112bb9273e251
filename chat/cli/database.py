"""`database`: PostgreSQL's own programs on the server's database."""

import os
import subprocess
import sys

import click
from psycopg.pq import Conninfo

from ..embedded import ClusterError, find_program
from .output import fail, lent_storage

#: Arguments of pg_restore that say where to; without any it is the server's database.
TARGETS = ("-d", "--dbname", "-f", "--file", "-l", "--list")


@click.command(context_settings={"allow_interspersed_args": False}, options_metavar="")
@click.argument("program", type=click.Choice(["pg_dump", "pg_restore", "psql"]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def database(program: str, arguments: tuple[str, ...]) -> None:
    """Run pg_dump, pg_restore or psql on the server's database, whether the server runs or not.

    The programs are those of the embedded PostgreSQL; they serve a DATABASE_URL too, up to its version. What follows
    the program's name goes to it, `--help` too.
    """
    try:
        path = find_program(program)
    except ClusterError as error:
        fail(str(error))
    with lent_storage(opened=False) as storage:
        # In variables, because a password among the arguments could be read by everyone on the machine.
        options = {each.envvar: each.val for each in Conninfo.parse(storage.direct_url().encode()) if each.val}
        connection = {name.decode(): value.decode() for name, value in options.items() if name}
        more: list[str] = []
        if program == "pg_restore" and not any(each.startswith(TARGETS) for each in arguments):
            more = [f"--dbname={connection['PGDATABASE']}"]
        ended = subprocess.run([str(path), *more, *arguments], env=os.environ | connection, check=False)  # noqa: S603
    sys.exit(ended.returncode)
