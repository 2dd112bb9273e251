"""The app's own data: measured as it is stored, refused where it cannot be."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from chat.schemas.custom import Custom
from tests.support.client import Api


@pytest.mark.parametrize("number", [1e300, -1e-300, 1.7976931348623157e308])
def test_numbers_count_as_the_database_writes_them_out(number: float) -> None:
    assert Custom().deserialize({str(place): number for place in range(10)})
    with pytest.raises(Exception, match="Larger than 4 KiB"):
        Custom().deserialize({str(place): [{"deep": number}] for place in range(14)})


def test_what_is_stored_is_no_larger(client: FlaskClient) -> None:
    ann, bob = Api(client).users("ann", "bob")
    id = Api(client).conversation(ann, bob)["id"]
    custom = {f"k{place}": 1e300 for place in range(300)}
    body: dict[str, Any] = {"user_id": ann["id"], "message": "x", "custom": custom}
    for draft in (body, body | {"send_at": "2100-01-01T00:00:00Z"}):
        refused = client.post(f"/conversations/{id}/messages/create", json=draft)
        assert refused.status_code == 422
        assert refused.get_json()["errors"] == {"custom": ["Larger than 4 KiB as JSON."]}


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "a\\", "\\u0000 \\n as written"])
def test_a_backslash_is_a_character_like_any_other(text: str) -> None:
    assert Custom().deserialize({text: text}) == {text: text}


@pytest.mark.parametrize("text", ["\0", "\\\0", "\ud800", "\\\\\0"])
def test_what_the_database_cannot_hold_is_refused(text: str) -> None:
    for value in ({"a": text}, {text: 1}, {"a": [text]}):
        with pytest.raises(Exception, match="Must be JSON without"):
            Custom().deserialize(json.loads(json.dumps(value)))
