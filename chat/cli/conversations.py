"""`conversations`: which there are, who is in one, what was said in it."""

import json
from typing import Any

import click
import orjson

from ..schemas.fields import parse_id
from ..storage import Storage
from ..storage.contract.operators import FoundConversation
from .output import details, fail, lent_storage, note_limit, plain, table

#: Conversations, or messages, that are asked for at once.
PAGE = 200
#: Members that `show` lists.
MAX_MEMBERS = 100
#: Characters of a name in a table.
MAX_NAME = 60

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@click.option("-q", "--query", help="Only those with this text in the name.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at most.")
@as_json
@click.pass_context
def conversations(context: click.Context, query: str | None, limit: int, as_json: bool) -> None:
    """List conversations, most recently active first."""
    if context.invoked_subcommand:
        return
    with lent_storage() as storage:
        found: list[FoundConversation] = []
        while len(found) < limit:
            before = (found[-1]["last_activity_at"], found[-1]["id"]) if found else ()
            page = storage.find_conversations(query, min(PAGE, limit - len(found)), *before)
            found += page
            if not page:
                break
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo(table([("ID", "NAME", "TYPE", "MEMBERS", "MESSAGES", "LAST ACTIVITY"), *map(_row, found)]))
    note_limit(len(found), limit)


@conversations.command
@click.argument("id")
@as_json
def show(id: str, as_json: bool) -> None:
    """Show a conversation and its first hundred members."""
    with lent_storage() as storage:
        found = _find(storage, id)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    members = found.pop("members")
    click.echo(details(found) + "\n")
    rows = [
        (each["id"], plain(each["username"], MAX_NAME), each["role"], str(each["last_read_seq"])) for each in members
    ]
    click.echo(table([("MEMBER", "NAME", "ROLE", "READ UP TO"), *rows]))
    if found["member_count"] > len(members):
        click.echo(f"and {found['member_count'] - len(members)} more")


@conversations.command
@click.argument("id")
@click.argument("file", type=click.File("wb"), default="-")
def export(id: str, file: Any) -> None:
    """Write a conversation's messages to FILE.

    One JSON object a line, oldest first; without FILE to standard output.
    """
    with lent_storage() as storage:
        conversation = _find(storage, id)["id"]
        last, more = 0, True
        while more:
            page = storage.list_messages(None, conversation, PAGE, after_seq=last)
            for message in orjson.loads(page.items):
                file.write(orjson.dumps(message) + b"\n")
                last = message["seq"]
            more = page.info["has_more_after"]


def _find(storage: Storage, id: str) -> dict[str, Any]:
    parsed = parse_id(id)
    found = parsed and storage.describe_conversation(parsed, MAX_MEMBERS)
    return found or fail(
        f"There is no conversation {plain(id, MAX_NAME)}; `conversations -q TEXT` finds its ID by its name."
    )


def _row(found: FoundConversation) -> tuple[str, ...]:
    name = plain(found["name"], MAX_NAME)
    numbers = str(found["members"]), str(found["messages"])
    return found["id"], name, found["type"], *numbers, found["last_activity_at"][:19] + "Z"
