"""Messages: sent, and sent again."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def conversation(api: Api, ann: dict[str, Any], bob: dict[str, Any]) -> dict[str, Any]:
    """One of ann and bob."""
    return api.conversation(ann, bob)


# sent


def test_messages_are_numbered_in_the_order_in_which_they_were_sent(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any], bob: dict[str, Any]
) -> None:
    sent = [api.send(conversation, user, text) for user, text in ((ann, "1"), (bob, "2"), (ann, "3"))]
    assert [message["seq"] for message in sent] == [1, 2, 3]
    assert [message["version"] for message in sent] == [2, 3, 4]
    assert len({message["created_at"] for message in sent}) == 3
    assert [message["message"] for message in api.messages(conversation)] == ["1", "2", "3"]


def test_a_sent_message_is_listed_as_it_was_answered(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any]
) -> None:
    sent = api.send(conversation, ann, "hello")
    of = sent.pop("conversations")
    assert sent.pop("thread") is None
    assert [sent] == api.messages(conversation)
    assert (of["last_seq"], of["version"]) == (sent["seq"], sent["version"])


TEXTS = [
    "x" * 10_000,
    "😀" * 10_000,
    "שלום עולם",
    "\u202eright to left\u202c",
    " kept white space \n",
    "a\r\nb\tc\u2028d\x01\x7f",
    '"quotes" \\ and </script>',
    "👩‍👩‍👧‍👦 e\u0301 ﷽",
    "\ufeffbyte order mark",
    "\\u0000 \\n as written",
]


def test_text_arrives_as_it_was_written(api: Api, conversation: dict[str, Any], ann: dict[str, Any]) -> None:
    for text in TEXTS:
        assert api.send(conversation, ann, text)["message"] == text
    assert [message["message"] for message in api.messages(conversation)] == TEXTS
    assert [message["message"] for message in api.conversations(ann)[0]["messages"]] == TEXTS


def test_only_a_member_may_send(
    api: Api, client: FlaskClient, conversation: dict[str, Any], sql: Callable[..., list[Any]]
) -> None:
    body = {"user_id": api.user("eve")["id"], "message": "let me in"}
    problem(
        client.post(f"/conversations/{conversation['id']}/messages/create", json=body), 404, "conversation_not_found"
    )
    assert sql("select count(*) from messages") == [(0,)]
    assert sql("select version, last_seq from conversations") == [(1, 0)]


def test_an_unknown_conversation_is_404(
    client: FlaskClient, ann: dict[str, Any], conversation: dict[str, Any], subtests: pytest.Subtests
) -> None:
    known = conversation["id"]
    for conversation_id in (UNKNOWN, "no-uuid", "1", "%00", "é", "a" * 5000, f"{known}x", f" {known}", f"{{{known}}}"):
        with subtests.test(conversation_id=conversation_id):
            root = f"/conversations/{conversation_id}/messages"
            body = {"user_id": ann["id"], "message": "x"}
            problem(client.post(f"{root}/create", json=body), 404, "conversation_not_found")
            problem(client.get(root), 404, "conversation_not_found")


def test_ids_are_understood_in_upper_case_and_answered_in_lower_case(
    api: Api, ann: dict[str, Any], conversation: dict[str, Any]
) -> None:
    loud = {"id": conversation["id"].upper()}
    message = api.send(loud, {"id": ann["id"].upper()})
    assert (message["conversation_id"], message["user_id"]) == (conversation["id"], ann["id"])
    assert len(api.messages(loud)) == 1


# sent again


def test_a_repeated_client_id_gets_the_first_answer_and_sends_nothing(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any]
) -> None:
    first = api.send(conversation, ann, "hello", client_id="1")
    assert first["client_id"] == "1"
    assert api.send(conversation, ann, "hello", client_id="1") == first
    assert api.send(conversation, ann, "another text", client_id="1") == first
    assert [message["id"] for message in api.messages(conversation)] == [first["id"]]


def test_a_repeat_gets_the_first_answer_also_after_other_messages(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any], bob: dict[str, Any]
) -> None:
    first = api.send(conversation, ann, "hello", client_id="1")
    api.send(conversation, bob)
    again = api.send(conversation, ann, "hello", client_id="1")
    assert again.pop("conversations")["id"] == first.pop("conversations")["id"]
    assert again == first
    assert api.conversations(ann)[0]["version"] == 3


def test_a_client_id_names_a_message_of_one_sender_in_one_conversation(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any], bob: dict[str, Any]
) -> None:
    other = api.conversation(ann, bob)
    sent = [
        api.send(*where, client_id="1")
        for where in ((conversation, ann), (conversation, bob), (other, ann), (other, bob))
    ]
    assert len({message["id"] for message in sent}) == 4
    assert [message["seq"] for message in sent] == [1, 2, 1, 2]


def test_a_client_id_may_be_any_64_characters(api: Api, conversation: dict[str, Any], ann: dict[str, Any]) -> None:
    names = ["x" * 64, "😀" * 64, "a b", "A", "a", " a", "a "]
    assert [api.send(conversation, ann, client_id=name)["client_id"] for name in names] == names
    assert len(api.messages(conversation)) == len(names)


def test_messages_without_a_client_id_are_never_the_same(
    api: Api, conversation: dict[str, Any], ann: dict[str, Any]
) -> None:
    assert api.send(conversation, ann, "hello")["id"] != api.send(conversation, ann, "hello")["id"]
