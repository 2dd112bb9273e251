"""Single messages over HTTP: what their routes take and refuse, and where their pages lead."""

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.support.answers import pages, problem, refuses
from tests.support.client import Api

Json = dict[str, Any]

EMOJI = [
    "👍",
    "👍🏽",
    "❤",
    "❤\ufe0f",
    "☝🏿",
    "👩‍👩‍👧‍👦",
    "👩🏽‍🚀",
    "🏳️‍🌈",
    "🏴‍☠️",
    "🇩🇪",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "#️⃣",
    "7️⃣",
    "*⃣",
    "©️",
    "™",
    "㊗️",
    "🏽",
    "🐈‍⬛",
    "🙂‍↔️",
    ":party_parrot:",
    ":+1:",
    f":{'x' * 32}:",
]
NO_EMOJI = [
    "a",
    "7",
    "#",
    "ab",
    "👍👎",
    "👍 ",
    " 👍",
    "👍a",
    "🇩",
    "🇩🇪🇫🇷",
    "\u200d",
    "👍\u200d",
    "\ufe0f",
    "→",
    "é",
    "ש",
    "::",
    ":Party:",
    ":a b:",
    ":é:",
    f":{'x' * 33}:",
    ":x",
    "%00",
    "%ff",
    "\u202e",
    "👨‍" * 20 + "👨",
    "x" * 5000,
]


@pytest.mark.parametrize("emoji", EMOJI)
def test_every_emoji_comes_back_as_it_was_sent(api: Api, ann: Json, talk: Json, emoji: str) -> None:
    path = f"/messages/{talk['messages'][0]['id']}/reactions"
    reacted = api.request("PUT", f"{path}/{quote(emoji)}", {"user_id": ann["id"]})
    assert [each["emoji"] for each in reacted["reactions"]] == [emoji]
    listed = api.request("GET", f"{path}?user_id={ann['id']}&emoji={quote(emoji)}")
    assert [each["emoji"] for each in listed] == [emoji]
    assert api.request("DELETE", f"{path}/{quote(emoji)}?user_id={ann['id']}")["reactions"] == []


@pytest.mark.parametrize("text", NO_EMOJI)
def test_what_is_no_emoji_is_refused(client: FlaskClient, ann: Json, talk: Json, text: str) -> None:
    path = f"/messages/{talk['messages'][0]['id']}/reactions"
    written = text if text.startswith("%") else quote(text)
    refuses(client.put(f"{path}/{written}", json={"user_id": ann["id"]}), "emoji")
    refuses(client.delete(f"{path}/{written}?user_id={ann['id']}"), "emoji")
    refuses(client.get(f"{path}?user_id={ann['id']}&emoji={written}"), "emoji")


def test_a_message_is_got_as_its_page_has_it(api: Api, bob: Json, talk: Json) -> None:
    for message in talk["messages"]:
        assert api.request("GET", f"/messages/{message['id']}?user_id={bob['id']}") == message


def test_a_patch_that_changes_nothing_at_all_is_refused(client: FlaskClient, ann: Json, talk: Json) -> None:
    path = f"/messages/{talk['messages'][0]['id']}"
    for body in ({}, {"version": 2}, {"reply_to": path}):
        refuses(client.patch(path, json={"user_id": ann["id"], **body}), "message")


def test_errors_say_what_they_are_of(client: FlaskClient, ann: Json, bob: Json, talk: Json) -> None:
    path = f"/messages/{talk['messages'][0]['id']}"
    edit = {"user_id": ann["id"], "message": "two", "version": 2}
    assert client.patch(path, json=edit).status_code == 200
    problem(client.patch(path, json=edit), 409, "version_conflict")
    problem(client.patch(path, json=edit | {"user_id": bob["id"]}), 403, "not_allowed")
    problem(client.delete(f"{path}?user_id={bob['id']}"), 403, "not_allowed")
    problem(client.put(f"{path}/pin", json={"user_id": bob["id"]}), 403, "not_allowed")
    large = {"user_id": ann["id"], "custom": {"a": "x" * 2500}}
    assert client.patch(path, json=large).status_code == 200
    refuses(client.patch(path, json={"user_id": ann["id"], "custom": {"b": "x" * 2500}}), "custom")
    for number in range(20):
        client.put(f"{path}/reactions/:{number}:", json={"user_id": ann["id"]})
    body = problem(client.put(f"{path}/reactions/👍", json={"user_id": ann["id"]}), 422, "too_many_reactions")
    assert body["errors"].keys() == {"emoji"}


def test_lists_lead_through_their_pages(api: Api, client: FlaskClient, ann: Json, talk: Json) -> None:
    as_ann, me = f"user_id={ann['id']}", {"user_id": ann["id"]}
    message = f"/messages/{talk['messages'][0]['id']}"
    for number in range(5):
        api.request("PATCH", message, {**me, "message": f"text {number}"})
        api.request("PUT", f"{message}/reactions/:{number}:", me)
        sent = api.send(talk, ann, f"message {number}")
        api.request("PUT", f"/messages/{sent['id']}/pin", me)
    for path, names in (
        (f"{message}/history?{as_ann}&limit=2", ["one", "text 0", "text 1", "text 2", "text 3"]),
        (f"{message}/reactions?{as_ann}&limit=2", [f":{number}:" for number in (4, 3, 2, 1, 0)]),
        (f"/conversations/{talk['id']}/pins?{as_ann}&limit=2", [f"message {number}" for number in (4, 3, 2, 1, 0)]),
    ):
        found = list(pages(client, path, "next"))
        assert [len(page) for page in found] == [2, 2, 1]
        assert [each.get("emoji") or each["message"] for page in found for each in page] == names
    first, last = pages(client, f"{message}/reactions?{as_ann}&limit=1&emoji=:1:", "next"), [":1:"]
    assert [each["emoji"] for page in first for each in page] == last


def test_a_reaction_needs_no_body_with_a_token(make_api: Any) -> None:
    api = make_api()
    ann = api.user("ann")
    headers = {"Authorization": f"Bearer {ann['access_token']}"}
    conversation = api.request("POST", "/conversations/create", {"participant_ids": [], "group_name": "g"}, **headers)
    path = f"/conversations/{conversation['id']}/messages/create"
    message = api.request("POST", path, {"message": "hello"}, **headers)["id"]
    assert api.request("PUT", f"/messages/{message}/reactions/👍", **headers)["reactions"][0]["me"] is True
    assert api.request("PUT", f"/messages/{message}/pin", **headers)["pinned_at"]
