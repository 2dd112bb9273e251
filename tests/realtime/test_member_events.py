"""What members hear when people come and go, and when a conversation or their own settings change."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]
Heard = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return {"AUTH_MODE": "open", "SYSTEM_MESSAGES": "on"}


class Group:
    """A conversation of ann and bob, and cid who is not in it; ann has a second device."""

    def __init__(self, server: Server, connect: Callable[..., Device]) -> None:
        self.api = Api(server)
        self.ann, self.bob, self.cid = self.api.users("ann", "bob", "cid")
        self.opened = self.api.conversation(self.ann, self.bob)
        self.path = f"/conversations/{self.opened['id']}"
        users = {"ann": self.ann, "second": self.ann, "bob": self.bob, "cid": self.cid}
        self.devices = {name: connect(server, user) for name, user in users.items()}
        self.named = {"X_Socket_ID": self.devices["ann"].sid}

    def heard(self) -> dict[str, Heard]:
        return {name: device.heard_so_far() for name, device in self.devices.items()}


@pytest.fixture
def group(shared_server: Server, connect: Callable[..., Device]) -> Group:
    return Group(shared_server, connect)


def names(heard: dict[str, Heard]) -> dict[str, list[str]]:
    return {name: [event for event, _ in events] for name, events in heard.items()}


def payload(heard: dict[str, Heard], name: str, event: str) -> Any:
    (data,) = (data for each, data in heard[name] if each == event)
    return data


def test_an_added_member_hears_of_the_conversation_and_the_others_of_the_member(group: Group) -> None:
    added = group.api.add(group.opened, group.ann, group.cid, headers=group.named)
    heard = group.heard()
    assert names(heard) == {
        "ann": ["message"],  # the answer tells the acting socket the rest
        "second": ["conversationUpdated", "message"],
        "bob": ["conversationUpdated", "message"],
        "cid": ["newConversation", "message"],
    }
    assert payload(heard, "cid", "newConversation") == payload(heard, "bob", "conversationUpdated") == added
    message = payload(heard, "cid", "message")
    assert (message["version"], message["message"], message["type"]) == (
        added["version"] + 1,
        "ann added cid.",
        "system",
    )
    assert (added["conversation_id"], added["id"]) == (group.opened["id"], group.opened["id"])


def test_who_is_left_out_is_told_to_the_caller_alone(group: Group, shared_server: Server) -> None:
    dan = group.api.user("dan")
    with psycopg.connect(shared_server.database_url) as connection:
        connection.execute("insert into chat_blocks values (%s, %s)", (group.cid["id"], group.ann["id"]))
    added = group.api.add(group.opened, group.ann, group.cid, dan)
    assert added["not_added"] == [group.cid["id"]]
    heard = group.heard()
    assert heard["cid"] == []
    assert "not_added" not in str(heard)
    assert group.cid["id"] not in str(heard)


def test_who_comes_by_an_invite_hears_of_it_on_other_devices(group: Group) -> None:
    code = group.api.request("POST", f"{group.path}/invites", {"user_id": group.ann["id"]})["code"]
    headers = {"X_Socket_ID": group.devices["cid"].sid}
    entered = group.api.request("POST", f"/invites/{code}", {"user_id": group.cid["id"]}, **headers)
    heard = group.heard()
    assert names(heard) == {
        "ann": ["conversationUpdated", "message"],
        "second": ["conversationUpdated", "message"],
        "bob": ["conversationUpdated", "message"],
        "cid": ["message"],
    }
    assert payload(heard, "bob", "conversationUpdated") == entered


def test_who_is_removed_hears_that_and_nothing_more(group: Group) -> None:
    removed = group.api.remove(group.opened, group.ann, group.bob, **group.named)
    group.api.send(group.opened, group.ann, **group.named)
    group.api.change(group.opened, group.ann, name="new")
    heard = group.heard()
    gone = {"conversation_id": group.opened["id"], "version": removed["version"]}
    assert heard["bob"] == [("removedFromConversation", gone)]
    assert names(heard)["second"] == ["conversationUpdated", "message", "message", "conversationUpdated", "message"]
    assert names(heard)["ann"] == ["message", "conversationUpdated", "message"]
    versions = [data["version"] for _, data in heard["second"]]
    assert versions == list(range(removed["version"], removed["version"] + 5))


def test_an_owner_who_leaves_is_told_on_other_devices_and_the_others_see_who_follows(group: Group) -> None:
    group.api.remove(group.opened, group.ann, group.ann, **group.named)
    heard = group.heard()
    assert names(heard) == {
        "ann": [],
        "second": ["removedFromConversation"],
        "bob": ["conversationUpdated", "message"],
        "cid": [],
    }
    assert payload(heard, "bob", "conversationUpdated")["owner_user_id"] == group.bob["id"]
    assert payload(heard, "bob", "message")["message"] == "ann left."


def test_everybody_hears_that_it_was_deleted(group: Group) -> None:
    gone = group.api.request("DELETE", f"{group.path}?user_id={group.ann['id']}", **group.named)
    told = [("conversationDeleted", gone)]
    assert group.heard() == {"ann": [], "second": told, "bob": told, "cid": []}


def test_own_settings_are_told_to_own_devices(group: Group) -> None:
    for _ in range(2):  # the second time nothing changes
        changed = group.api.change(f"{group.path}/settings", group.ann, pinned=True, headers=group.named)
    assert group.heard() == {"ann": [], "second": [("conversationSettings", changed)], "bob": [], "cid": []}


def test_a_role_is_told_once(group: Group) -> None:
    for _ in range(2):
        group.api.give_role(group.opened, group.ann, group.bob, "admin")
    heard = group.heard()
    told = ["conversationUpdated"]
    assert names(heard) == {"ann": told, "second": told, "bob": told, "cid": []}
    roles = {each["id"]: each["role"] for each in payload(heard, "bob", "conversationUpdated")["participants"]}
    assert roles == {group.ann["id"]: "owner", group.bob["id"]: "admin"}


def test_a_direct_conversation_is_told_to_both_once(group: Group) -> None:
    body = {"user_id": group.ann["id"], "other_user_id": group.cid["id"]}
    made = [group.api.request("POST", "/conversations/direct", body, **group.named) for _ in range(2)]
    told = [("newConversation", made[0])]
    assert group.heard() == {"ann": [], "second": told, "bob": [], "cid": told}


def test_who_comes_now_hears_only_a_version_of_what_was_before(group: Group) -> None:
    group.api.add(group.opened, group.ann, group.cid, history_from="now")
    heard = group.heard()
    assert payload(heard, "cid", "message")["message"] == "ann added cid."


def test_rules_of_sending_hold_on_a_socket_too_also_in_a_batch(group: Group) -> None:
    def send(name: str) -> Any:
        data = {"conversation_id": group.opened["id"], "message": "hello"}
        return group.devices[name].call("sendMessage", data)

    group.api.change(group.opened, group.ann, slow_mode_seconds=3600)
    assert "error" not in send("bob")
    refused = send("bob")["error"]
    assert (refused["code"], refused["status"]) == ("slow_mode", 429)
    assert 3590 < refused["retry_after"] <= 3600
    group.api.change(group.opened, group.ann, frozen=True)
    assert send("bob")["error"]["code"] == "frozen"
    assert "error" not in send("ann")
