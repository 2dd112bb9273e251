"""`webhooks`: the changes that the webhook has not taken, and sending them again."""

import json
from typing import Any

import click

from .output import lent_storage, plain, table

#: Changes that `webhooks` lists at most.
MAX_LISTED = 50
#: Characters of an error in the table; `--json` has the whole.
MAX_ERROR = 100


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: {dead, waiting, events}.")
@click.pass_context
def webhooks(context: click.Context, as_json: bool) -> None:
    """Count the changes that wait for the webhook and those that were given up, and list the latest of these."""
    if context.invoked_subcommand:
        return
    with lent_storage() as storage:
        found = storage.list_dead_webhook_events(MAX_LISTED)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if found["events"]:
        click.echo(table([("EVENT", "TIME", "TYPE", "CONVERSATION", "ERROR"), *map(_row, found["events"])]))
    if found["dead"] > len(found["events"]):
        click.echo(f"These are the latest {len(found['events'])}.")
    click.echo(f"{found['dead']} given up; {found['waiting']} waiting.")


@webhooks.command
def redeliver() -> None:
    """Send again what was given up.

    It goes in its order, with a day of tries before it.
    """
    with lent_storage() as storage:
        count = storage.redeliver_webhook_events()
    click.echo("1 change is sent again." if count == 1 else f"{count} changes are sent again.")


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    return (
        event["event_id"],
        event["created_at"][:19] + "Z",
        event["type"],
        event["conversation_id"],
        plain(event["last_error"], MAX_ERROR),
    )
