"""What requests that are made at random, from the OpenAPI document, are answered: never 5xx, never beyond the document.

A few examples of each operation by default, many with FUZZ=1 (`make fuzz`). Half speak of what is there: ids that
are made at random would all be 404.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chat.app import create_app
from chat.config import Config
from tests.conftest import databases
from tests.support.catalogue import World

EXAMPLES = 300 if "FUZZ" in os.environ else 6
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Fields, parameters and parts of paths that name something, by what of the world they may name.
NAMES = {
    "conversation_id": "conversation",
    "message_id": "message",
    "reply_to": "message",
    "thread_id": "message",
    "scheduled_id": "scheduled",
    "attachment_id": "attachment",
    "invite_code": "invite",
    "code": "invite",
    "owner_id": "ann",
    "user_id": "ann",
    "other_user_id": "bob",
    "target_id": "bob",
    "participant_id": "bob",
}

pytestmark = [
    pytest.mark.timeout(900 if "FUZZ" in os.environ else 120),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # It never closes an answer that is a file.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@cache
def document() -> BaseSchema:
    """Return the document as schemathesis reads it, which takes seconds."""
    return load(create_app(Config(auth_mode="open", database_url="postgresql://nowhere/x").checked()))


def labels() -> list[str]:
    """Return the operations, as `GET /path`, but for those that are files."""
    operations = [operation.ok() for operation in document().get_all_operations()]
    return [each.label for each in operations if not {"pages", "documents"} & set(each.definition.raw["tags"])]


def load(app: Flask) -> BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.fixture(scope="module")
def served(cluster: str) -> Iterator[tuple[Flask, Callable[..., list[Any]]]]:
    """An app for all operations, and its database."""
    with databases(cluster) as make, psycopg.connect(url := make(), autocommit=True) as connection:
        app = create_app(Config(auth_mode="open", log_level="error", database_url=url).checked())
        app.extensions["storage"].open()
        yield app, lambda query, *params: connection.execute(query, params).fetchall()
        app.extensions["storage"].close()


@pytest.mark.parametrize("label", labels())
def test_requests_at_random(label: str, served: tuple[Flask, Callable[..., list[Any]]]) -> None:
    app, sql = served
    method, path = label.split(" ")
    operation = document()[path][method]
    world = World(app.test_client(), sql)
    modes = [operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]

    @settings(
        max_examples=EXAMPLES,
        derandomize="FUZZ" not in os.environ,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink] if "FUZZ" in os.environ else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(*modes), st.booleans())
    def run(case: Case, is_real: bool) -> None:
        if is_real:
            name_what_is_there(case, world)
        case.call_and_validate(checks=CHECKS, app=app)

    run()


def name_what_is_there(case: Case, world: World) -> None:
    """Put ids of the world where ids stand."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            for name in part.keys() & NAMES.keys():
                part[name] = getattr(world, NAMES[name])
    if "/users/{user_id}" in case.path:
        case.path_parameters["user_id"] = world.fay  # so that ann is still there
