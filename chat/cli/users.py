"""`users` and `token`: who is there, and a token for one of them."""

import json
from typing import Any

import click
from flask import current_app

from ..actions.export import export as write_export
from ..auth import Caller
from ..auth.tokens import Tokens
from ..schemas.fields import parse_id
from ..storage import Storage
from ..storage.contract.operators import FoundUser
from .output import details, fail, lent_storage, note_limit, plain, table

#: Users that are asked for at once.
PAGE = 200
#: Characters of a name in a table.
MAX_NAME = 60

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@click.option("-q", "--query", help="Only those with this text in the name.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at most.")
@as_json
@click.pass_context
def users(context: click.Context, query: str | None, limit: int, as_json: bool) -> None:
    """List users by name."""
    if context.invoked_subcommand:
        return
    with lent_storage() as storage:
        found: list[FoundUser] = []
        while len(found) < limit:
            after = (found[-1]["username"], found[-1]["id"]) if found else ()
            page = storage.find_users(query, False, min(PAGE, limit - len(found)), *after)
            found += page
            if not page:
                break
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [(each["id"], plain(each["username"], MAX_NAME), *_numbers(each)) for each in found]
    click.echo(table([("ID", "NAME", "CONVERSATIONS", "SINCE", ""), *rows]))
    note_limit(len(found), limit)


@users.command
@click.argument("user")
@as_json
def show(user: str, as_json: bool) -> None:
    """Show a USER, given by id or by name, and what there is of them."""
    with lent_storage() as storage:
        found = find_user(storage, user)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else details(found))


@users.command
@click.argument("user")
@click.argument("file", type=click.File("wb"), default="-")
def export(user: str, file: Any) -> None:
    """Write everything stored of a USER to FILE.

    One JSON object a line; without FILE to standard output.
    """
    with lent_storage() as storage:
        id = find_user(storage, user)["id"]
        for piece in write_export(Caller(id), id):
            file.write(piece.encode())


@users.command
@click.argument("user")
@click.option("--keep-messages", is_flag=True, help="Leave the messages, under the name “Deleted user”.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(user: str, keep_messages: bool, yes: bool) -> None:
    """Erase a USER for good: profile, tokens, memberships, messages.

    The profile and the tokens go at once, the rest by a job, which a running server does.
    """
    with lent_storage() as storage:
        found = find_user(storage, user)
        if found["erased_at"]:
            fail("That user was erased.")
        if not yes:
            click.confirm(f"Erase {plain(found['username'], MAX_NAME)} ({found['id']}) for good?", abort=True, err=True)
        storage.erase_user(Caller(found["id"]), found["id"], keep_messages)
    click.echo(f"{plain(found['username'], MAX_NAME)} is erased; a running server erases what is left.")


@click.command
@click.argument("user")
@click.option("--json", "as_json", is_flag=True, help="Print {access_token, token_type, expires_in}.")
def token(user: str, as_json: bool) -> None:
    """Sign an access token for a USER, given by id or by name."""
    with lent_storage() as storage:
        tokens: Tokens = current_app.extensions["tokens"]
        if not tokens.signs:
            fail("This server signs no tokens: set JWT_SECRET, or let your identity provider sign one.")
        found = find_user(storage, user)
        if found["erased_at"]:
            fail("That user was erased.")
        issued = tokens.issue(found["id"])
    click.echo(json.dumps(issued, indent=2) if as_json else issued["access_token"])


def find_user(storage: Storage, user: str) -> dict[str, Any]:
    """Return the user of this id or this name, or end the command."""
    if id := parse_id(user):
        found = storage.describe_user(id)
        return found or fail(f"There is no user {id}.")
    named = storage.find_users(user.strip(), True, 10)
    if not named:
        fail(f"There is no user called {plain(user, MAX_NAME)}; `users -q TEXT` finds one by a part of the name.")
    if len(named) > 1:
        fail("Several users have this name; name one by its id: " + ", ".join(each["id"] for each in named))
    return storage.describe_user(named[0]["id"]) or fail("That user has just gone.")


def _numbers(user: FoundUser) -> tuple[str, str, str]:
    return str(user["conversations"]), user["created_at"][:10], "erased" if user["erased_at"] else ""
