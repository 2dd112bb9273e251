"""What many tests look at in an answer: the shape of a problem, and where the `Link` headers lead."""

import re
from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Return the problem in an answer, after making sure that it is this one and in the one shape."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.json
    fields = PROBLEM_FIELDS | {"errors"} if status == 422 else PROBLEM_FIELDS
    assert body.keys() == fields
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert all(body[name] and isinstance(body[name], str) for name in PROBLEM_FIELDS - {"status"})
    for texts in body.get("errors", {}).values():
        assert texts
        assert all(isinstance(text, str) for text in texts)
    return body


def refuses(response: TestResponse, field: str) -> None:
    """Make sure that an answer is a 422 that names this field and no other."""
    errors = problem(response, 422, "validation_failed")["errors"]
    assert {name.split(".")[0] for name in errors} == {field}


def link(response: TestResponse, relation: str) -> str | None:
    """Return where the `Link` of this relation leads, None without one."""
    links = {
        found[2]: found[1]
        for found in re.finditer(r'<([^>]*)>; rel="(\w+)"', ",".join(response.headers.getlist("Link")))
    }
    return links.get(relation)


def pages(client: FlaskClient, path: str, relation: str) -> Iterator[list[Any]]:
    """Return the page at `path` and all that its links of this relation lead to."""
    following: str | None = path
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.text
        yield response.json
        following = link(response, relation)
