"""What a conversation is like, and what a member sets for it alone; deleting; slow mode and freezing."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import pages, problem, refuses
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def ids(objects: list[Json]) -> list[str]:
    return [each["id"] for each in objects]


def settings(api: Api, conversation: Json, user: Json, **changes: Any) -> Json:
    changed: Json = api.change(f"/conversations/{conversation['id']}/settings", user, **changes)
    return changed


# what it is like


def test_a_conversation_is_changed_once_for_each_version(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    changes = {
        "name": "Tea at five",
        "description": "Bring biscuits.",
        "avatar_url": "https://example.com/tea.png",
        "visibility": "public",
        "history": "since_joined",
        "slow_mode_seconds": 10,
        "frozen": True,
        "retention_days": 30,
        "custom": {"color": "red", "deep": {"a": 1}},
    }
    changed = api.change(talk, ann, **changes)
    assert changed.items() >= changes.items()
    assert (changed["version"], changed["conversation_id"]) == (talk["version"] + 1, talk["id"])
    assert changed.items() <= api.conversation_of(talk, bob).items()
    assert api.change(talk, ann, **changes)["version"] == api.change(talk, ann)["version"] == changed["version"]
    merged = api.change(talk, ann, description=None, avatar_url=None, custom={"color": None, "deep": {"b": 2}})
    assert (merged["description"], merged["avatar_url"]) == (None, None)
    assert (merged["custom"], merged["version"]) == ({"deep": {"a": 1, "b": 2}}, changed["version"] + 1)
    (synced,) = api.sync(bob, {talk["id"]: talk["version"]})["conversations"]
    assert (synced["custom"], synced["recovered"], synced["messages"]) == (merged["custom"], True, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"name": None},
        {"avatar_url": "javascript:alert(1)"},
        {"avatar_url": "https://"},
        {"avatar_url": "https://example.com/ a"},
        {"avatar_url": "https://[x/"},
        {"visibility": "hidden"},
        {"history": None},
        {"slow_mode_seconds": -1},
        {"slow_mode_seconds": 86_401},
        {"retention_days": 0},
        {"frozen": "yes"},
        {"frozen": 1},
        {"custom": {"x": "y" * 4096}},
        {"custom": {"x": "y" * 3000}},  # with what is there already
    ],
)
def test_what_it_cannot_be_is_refused(api: Api, client: FlaskClient, ann: Json, talk: Json, changes: Json) -> None:
    api.change(talk, ann, custom={"z": "y" * 1500})
    refuses(client.patch(f"/conversations/{talk['id']}", json={"user_id": ann["id"], **changes}), next(iter(changes)))


def test_custom_is_measured_without_blanks(api: Api, ann: Json, talk: Json) -> None:
    many = {str(number): number for number in range(100, 415)}  # 4,096 bytes but for a few
    assert api.change(talk, ann, custom=many)["custom"] == many
    assert api.change(talk, ann, custom={"414": 415})["custom"]["414"] == 415


def test_a_deleted_conversation_is_gone(api: Api, ann: Json, bob: Json, talk: Json, sql: Sql) -> None:
    known = api.sync(bob)
    gone = api.request("DELETE", f"/conversations/{talk['id']}?user_id={ann['id']}")
    assert gone == {"conversation_id": talk["id"], "version": talk["version"] + 1}
    assert api.conversation_of(talk, ann, 404)["code"] == "conversation_not_found"
    assert api.sync(bob, {talk["id"]: talk["version"]})["removed"] == [talk["id"]]
    assert api.request("POST", "/sync", {"user_id": bob["id"], "cursor": known["cursor"]})["removed"] == [talk["id"]]
    assert sql("select count(*) from messages") == [(0,)]


# my own settings


def test_pinned_ones_come_first_on_every_page(api: Api, client: FlaskClient, ann: Json, bob: Json) -> None:
    opened = [api.conversation(ann, bob) for _ in range(6)]
    for each in (opened[1], opened[3]):
        assert settings(api, each, ann, pinned=True)["pinned"] is True
    expected = ids([opened[each] for each in (3, 1, 5, 4, 2, 0)])
    for limit in (1, 2, 3, 4, 6):
        listed = pages(client, f"/conversations?user_id={ann['id']}&limit={limit}&message_limit=0", "next")
        assert [each["id"] for page in listed for each in page] == expected
    assert ids(api.conversations(bob)) == ids(opened[::-1])
    settings(api, opened[1], ann, pinned=False)
    assert ids(api.conversations(ann)) == ids([opened[each] for each in (3, 5, 4, 2, 1, 0)])


def test_an_archived_one_comes_back_with_the_next_message(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    other = api.conversation(ann, bob)
    assert settings(api, talk, bob, archived=True)["archived"] is True
    assert ids(api.conversations(bob)) == [other["id"]]
    assert ids(api.conversations(bob, "archived=true")) == [other["id"], talk["id"]]
    assert ids(api.conversations(ann)) == [other["id"], talk["id"]]
    (synced, _) = sorted(api.sync(bob)["conversations"], key=lambda each: each["id"] != talk["id"])
    assert synced["archived"] is True
    api.change(talk, ann, description="no message")
    assert api.conversation_of(talk, bob)["archived"] is True
    api.send(talk, ann)
    assert ids(api.conversations(bob)) == [talk["id"], other["id"]]
    assert api.conversation_of(talk, bob)["archived"] is False


def test_a_muted_one_stays_archived(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    muted = settings(api, talk, bob, archived=True, muted_until="2999-01-01T00:00:00Z")
    assert muted["muted_until"] == "2999-01-01T00:00:00.000000+00:00"
    api.send(talk, ann)
    assert api.conversations(bob) == []
    assert settings(api, talk, bob, muted_until=None)["archived"] is False
    assert ids(api.conversations(bob)) == [talk["id"]]


def test_settings_have_no_version_and_sync_by_cursor_brings_them(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    cursor = api.sync(bob)["cursor"]
    settings(api, talk, bob, pinned=True)
    answer = api.request("POST", "/sync", {"user_id": bob["id"], "cursor": cursor})
    (synced,) = answer["conversations"]  # a summary, unless something else on the machine holds transactions up
    assert (synced["pinned"], synced["version"]) == (True, talk["version"])
    assert api.conversation_of(talk, ann)["pinned"] is False


# slow mode, frozen


def test_in_slow_mode_a_member_waits_and_admins_do_not(
    api: Api, client: FlaskClient, ann: Json, bob: Json, talk: Json, sql: Sql
) -> None:
    cid = api.user("cid")
    api.add(talk, ann, cid, role="admin")
    api.change(talk, ann, slow_mode_seconds=3600)
    path = f"/conversations/{talk['id']}/messages/create"
    sent = api.send(talk, bob, "first", client_id="c-1")
    refused = client.post(path, json={"user_id": bob["id"], "message": "second"})
    assert (refused.status_code, refused.json["code"]) == (429, "slow_mode")
    assert 3590 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.json["retry_after"] == int(refused.headers["Retry-After"])
    assert api.send(talk, bob, "first", client_id="c-1")["id"] == sent["id"]  # a retry is no second message
    for admin in (ann, cid):
        for _ in range(2):
            api.send(talk, admin)
    sql("update user_conversation set last_sent_at = now() - interval '1 hour'")
    api.send(talk, bob)


def test_in_a_frozen_one_only_the_owner_and_admins_write(
    api: Api, client: FlaskClient, ann: Json, bob: Json, talk: Json
) -> None:
    api.change(talk, ann, frozen=True)
    body = {"user_id": bob["id"], "message": "hello"}
    problem(client.post(f"/conversations/{talk['id']}/messages/create", json=body), 403, "frozen")
    api.send(talk, ann)
    api.give_role(talk, ann, bob, "admin")
    api.send(talk, bob)
    api.give_role(talk, ann, bob, "member")
    api.change(talk, ann, frozen=False)
    api.send(talk, bob)
