"""`flask --app wsgi webhooks`: what people read of changes that were not taken, and sending them again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from chat.app import create_app
from chat.config import Config

Sql = Callable[..., list[Any]]
ADD = "insert into chat_webhook_events (conversation_id, type, subject, created_at, dead_at, last_error) values "
GROUP = "5b0c0b5e-6f0f-4d0c-8a53-0f6f6a1f7a03"


@pytest.fixture
def webhooks(database_url: str) -> Callable[..., Result]:
    """A function that runs the command; its arguments are those of the command line."""

    def run(*arguments: str) -> Result:
        app = create_app(Config(auth_mode="open", database_url=database_url).checked())
        with app.app_context():
            return app.test_cli_runner(catch_exceptions=False).invoke(args=["webhooks", *arguments])

    return run


def add(sql: Sql, dead: bool, error: str | None = None) -> str:
    values = "(%s, 'member.added', '{}', '2026-01-02 03:04:05.6+00', case when %s then now() end, %s) "
    return str(sql(f"{ADD}{values}returning event_id", GROUP, dead, error)[0][0])


def test_nothing_to_see(webhooks: Callable[..., Result]) -> None:
    shown = webhooks()
    assert (shown.exit_code, shown.output) == (0, "0 given up; 0 waiting.\n")


def test_what_was_given_up_is_listed_and_sent_again(webhooks: Callable[..., Result], sql: Sql) -> None:
    first = add(sql, True, "WebhookFailed: the webhook answered 503\n\x1b[31m")
    add(sql, False)
    assert webhooks().output.splitlines() == [
        "EVENT                                 TIME                  TYPE          "
        "CONVERSATION                          ERROR",
        f"{first}  2026-01-02T03:04:05Z  member.added  {GROUP}  WebhookFailed: the webhook answered 503 ?[31m",
        "1 given up; 1 waiting.",
    ]
    found = json.loads(webhooks("--json").output)
    assert (found["dead"], found["waiting"], found["events"][0]["event_id"]) == (1, 1, first)
    assert webhooks("redeliver").output == "1 change is sent again.\n"
    assert webhooks("redeliver").output == "0 changes are sent again.\n"
    assert webhooks().output == "0 given up; 2 waiting.\n"
    assert sql("select payload ->> 'conversation_id' from chat_jobs where kind = 'send_webhooks'") == [(GROUP,)]


def test_of_many_the_latest(webhooks: Callable[..., Result], sql: Sql) -> None:
    for _ in range(51):
        last = add(sql, True, "x")
    lines = webhooks().output.splitlines()
    assert len(lines) == 53
    assert lines[1].startswith(last)
    assert lines[-2:] == ["These are the latest 50.", "51 given up; 0 waiting."]
