"""Policies: every route and client event declares one, and the codes, the documents and the reference agree with it."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from chat.api import openapi
from chat.error_codes import CODES
from chat.policy import UNDECLARED, Policy, policy_of
from chat.realtime.events import EVENTS
from chat.sockets import receives
from chat.sockets.namespace import ChatNamespace

ROOT = Path(__file__).parents[2]
HANDLERS = {**receives.handlers(ChatNamespace), "connect": ChatNamespace.on_connect}
#: What is answered where there is no route or event whose policy could say so.
OF_THE_ROUTER = {"not_found", "method_not_allowed", "event_not_found"}
#: The code in `raise ChatError(400, "malformed_json")` and in SQL's `message = 'user_not_found'`.
IN_PYTHON = re.compile(
    r"""(?:ChatError\(\d+, |Unauthorized\(|Forbidden\(|TooManyRequests\(|refuse\(\d+, )"([a-z_]+)\""""
)
IN_SQL = re.compile(r"errcode = 'PT\d{3}', message = '([a-z_]+)'")


@pytest.fixture
def policies(app: Flask) -> dict[str, Policy]:
    """The policies of all routes and client events."""
    return {name: policy_of(each) for name, each in {**app.view_functions, **HANDLERS}.items()}


def test_every_route_and_event_declares_its_budget(policies: dict[str, Policy], app: Flask) -> None:
    limits = {kind.removeprefix("rate_limit_") for kind in vars(app.config["CHAT"]) if kind.startswith("rate_limit_")}
    assert limits >= {"default", "send"}
    for name, policy in policies.items():
        assert policy.budget != UNDECLARED, name
        assert policy.budget is None or policy.budget in limits, name


def test_only_public_routes_are_without_a_budget(policies: dict[str, Policy]) -> None:
    without = {name for name, policy in policies.items() if policy.budget is None}
    assert without == {name for name, policy in policies.items() if policy.is_public} - {"users.create_user"}


def test_every_named_code_exists(policies: dict[str, Policy]) -> None:
    for name, policy in policies.items():
        assert policy.error_codes <= CODES.keys(), name


def test_no_route_names_a_code_that_follows_from_its_policy(policies: dict[str, Policy]) -> None:
    for name, policy in policies.items():
        implied = Policy(policy.is_public, policy.reads_token, policy.needs_token, policy.budget).error_codes
        assert not implied & set(policy.codes), name
        assert len(policy.codes) == len(set(policy.codes)), name


def test_every_code_is_answered_by_something(app: Flask) -> None:
    of_routes = [openapi.error_codes(view, is_open=True) for view in app.view_functions.values()]
    of_events = [receives.error_codes(handler) for handler in HANDLERS.values()]
    assert set().union(OF_THE_ROUTER, of_the_server(), *of_routes, *of_events) == CODES.keys()


def of_the_server() -> set[str]:
    """Return what is answered to what is no request for the app."""
    return raised_in("chat/server/*.py", IN_PYTHON)


def raised_in(pattern: str, code: re.Pattern[str]) -> set[str]:
    return {found for path in ROOT.glob(pattern) for found in code.findall(path.read_text())}


def test_every_raised_code_exists_with_its_status() -> None:
    raised = raised_in("chat/**/*.py", IN_PYTHON) | raised_in("sql/functions/*.sql", IN_SQL)
    assert {"malformed_request", "conversation_not_found", "token_expired"} <= raised <= CODES.keys()
    for path in ROOT.glob("chat/**/*.py"):
        for status, name in re.findall(r'(?:ChatError|refuse)\((\d+), "([a-z_]+)"', path.read_text()):
            assert CODES[name][0] == int(status), (path, name)


def test_what_is_announced_is_in_the_catalogue_and_the_rest_is_for_one_session(policies: dict[str, Policy]) -> None:
    announced = {event for policy in policies.values() for event in policy.announces}
    of_members = {event.name for event in EVENTS.values() if event.audience == "members"}
    assert of_members <= announced <= {event.name for event in EVENTS.values() if event.audience != "session"}


def test_the_reference_lists_the_codes_with_their_status() -> None:
    table = (ROOT / "docs" / "reference.md").read_text().split("\n| Code | Status | |\n")[1].split("\n\n")[0]
    listed: dict[str, Any] = {}
    for row in table.splitlines()[1:]:
        codes, status = row.split("|")[1:3]
        listed |= dict.fromkeys(re.findall(r"`(\w+)`", codes), int(status))
    assert listed == {code: status for code, (status, _) in CODES.items()}
