"""The JavaScript client and what can be done to messages, conversations and profiles."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.clients.js import JsClient
from tests.support.client import Api
from tests.support.node import needs_node
from tests.support.server import Server
from tests.support.waiting import wait_until

pytestmark = [needs_node, pytest.mark.timeout(60)]

Json = dict[str, Any]


class Talk:
    """Ann on two devices and Bob on one, in a conversation with three messages of Ann's."""

    def __init__(self, server: Server, js: Callable[..., JsClient]) -> None:
        self.api = Api(server)
        self.start = partial(js, server)
        self.ann, self.bob = self.api.users("ann", "bob")
        self.id: str = self.api.conversation(self.ann, self.bob)["id"]
        for text in ("one", "two", "three"):
            self.api.send({"id": self.id}, self.ann, text)
        self.phone, self.tablet, self.bobs = (self.start(user) for user in (self.ann, self.ann, self.bob))
        self.settle()

    def settle(self) -> None:
        for device in (self.phone, self.tablet, self.bobs):
            device.call("settle")

    def shown(self, device: JsClient, place: int = 0) -> Json:
        message: Json = device.call("messages", self.id)[place]
        return message

    def everywhere(self, holds: Callable[[Json], bool], place: int = 0) -> None:
        """Assert that all devices come to show this of a message, and the server too."""
        for device in (self.phone, self.tablet, self.bobs):
            wait_until(lambda device=device: holds(self.shown(device, place)))  # type: ignore[misc]
        assert holds(self.api.messages({"id": self.id})[place])


@pytest.fixture
def talk(shared_server: Server, js: Callable[..., JsClient]) -> Talk:
    """The devices."""
    return Talk(shared_server, js)


def test_an_edit_is_shown_at_once_and_everywhere(talk: Talk) -> None:
    before = talk.shown(talk.phone)
    shown = talk.phone.call("tryAndShow", talk.id, "edit", before, "first")
    assert (shown[0]["message"], shown[0]["version"]) == ("first", before["version"])
    talk.everywhere(lambda message: message["message"] == "first" and message["edited_at"] is not None)
    assert talk.phone.call("state")["optimistic"] == []


def test_what_is_refused_is_taken_back(talk: Talk) -> None:
    message = talk.shown(talk.bobs)
    shown = talk.bobs.call("tryAndShow", talk.id, "edit", message, "not mine")
    assert shown[0]["message"] == "not mine"
    assert talk.bobs.call("edit", message, "not mine") == {"failed": "not_allowed"}
    assert talk.bobs.call("remove", message) == {"failed": "not_allowed"}
    talk.bobs.call("settle")
    assert talk.shown(talk.bobs) == message


def test_two_edits_one_after_the_other_are_no_conflict(talk: Talk) -> None:
    message = talk.shown(talk.phone)
    talk.phone.call("tryAndShow", talk.id, "edit", message, "second")
    assert talk.phone.call("edit", message, "third")["message"] == "third"
    talk.everywhere(lambda each: each["message"] == "third")


def test_a_deleted_message_is_a_tombstone_everywhere(talk: Talk) -> None:
    quoting = {"message": "yes", "reply_to": talk.shown(talk.phone)["id"]}
    talk.bobs.call("send", talk.id, quoting)
    talk.settle()
    (shown, *_) = talk.phone.call("tryAndShow", talk.id, "remove", talk.shown(talk.phone))
    assert (shown["message"], bool(shown["deleted_at"])) == ("", True)
    talk.everywhere(lambda message: message["message"] == "" and bool(message["deleted_at"]))
    talk.everywhere(lambda message: message["quote"]["message"] == "", -1)


def test_reactions_come_and_go_everywhere(talk: Talk) -> None:
    message = talk.shown(talk.bobs)
    shown = talk.bobs.call("tryAndShow", talk.id, "react", message, "👍")
    assert shown[0]["reactions"] == [{"emoji": "👍", "count": 1, "user_ids": [talk.bob["id"]], "me": True}]
    talk.everywhere(lambda each: [one["count"] for one in each["reactions"]] == [1])
    talk.phone.call("react", message, "👍")
    talk.everywhere(lambda each: [one["count"] for one in each["reactions"]] == [2])
    assert [each["me"] for each in talk.shown(talk.tablet)["reactions"]] == [True]
    for device in (talk.bobs, talk.phone):
        device.call("react", message, "👍", False)
    talk.everywhere(lambda each: each["reactions"] == [])


def test_many_reactions_at_once_leave_no_gap(talk: Talk) -> None:
    message = talk.shown(talk.bobs)
    path = f"/messages/{message['id']}/reactions/"
    for number in range(15):
        user = (talk.ann, talk.bob)[number % 2]
        talk.api.request("PUT", f"{path}{'👍🙂🎉👀🙏'[number // 3]}", {"user_id": user["id"]})
    talk.everywhere(lambda each: len(each["reactions"]) == 5)
    talk.settle()
    assert len({json.dumps(device.call("conversation", talk.id)["version"]) for device in (talk.phone, talk.bobs)}) == 1


def test_a_pin_is_seen_everywhere(talk: Talk) -> None:
    talk.phone.call("pin", talk.shown(talk.phone))
    talk.everywhere(lambda message: message["pinned_at"] is not None)


def test_typing_is_seen_and_ends(talk: Talk) -> None:
    talk.bobs.call("typing", talk.id)
    wait_until(lambda: talk.phone.call("whoIsTyping", talk.id) == [talk.bob["id"]])
    talk.bobs.call("send", talk.id, "that was it")
    wait_until(lambda: talk.phone.call("whoIsTyping", talk.id) == [])


def test_presence_is_watched_also_after_a_cut(talk: Talk) -> None:
    talk.phone.call("watchPresence", [talk.bob["id"]])
    wait_until(lambda: talk.phone.call("state")["presence"].get(talk.bob["id"], {}).get("online") is True)
    talk.phone.call("cut")
    talk.phone.call("settle")
    talk.bobs.call("disconnect")
    wait_until(lambda: talk.phone.call("state")["presence"][talk.bob["id"]]["online"] is False, seconds=20)


def test_marking_unread_reaches_the_other_device(talk: Talk) -> None:
    talk.bobs.call("markRead", talk.id)
    other = talk.start(talk.bob)
    other.call("settle")
    wait_until(lambda: other.call("unread") == 0)
    talk.bobs.call("markUnread", talk.id, 2)
    for device in (talk.bobs, other):
        wait_until(lambda device=device: device.call("unread") == 2)  # type: ignore[misc]


def test_a_new_name_is_shown_everywhere(talk: Talk) -> None:
    talk.api.request("PATCH", f"/users/{talk.ann['id']}", {"user_id": talk.ann["id"], "username": "Anna"})
    talk.everywhere(lambda message: message["users"]["username"] == "Anna")


def test_settings_reach_the_other_device_and_are_mine_alone(talk: Talk) -> None:
    talk.phone.call("updateSettings", talk.id, {"pinned": True})
    for device, pinned in ((talk.phone, True), (talk.tablet, True), (talk.bobs, False)):
        wait_until(lambda device=device, pinned=pinned: device.call("conversations")[0]["pinned"] == pinned)  # type: ignore[misc]


def test_members_come_and_go(talk: Talk) -> None:
    cem = talk.api.user("cem")
    cems = talk.start(cem)
    cems.call("status", "live")
    talk.phone.call("updateConversation", talk.id, {"name": "Coffee"})
    talk.phone.call("addMembers", talk.id, [cem["id"]])
    for device in (talk.phone, talk.tablet, talk.bobs, cems):
        wait_until(lambda device=device: [each["member_count"] for each in device.call("conversations")] == [3])  # type: ignore[misc]
        assert device.call("conversations")[0]["name"] == "Coffee"
    cems.call("settle")
    assert "three" in cems.texts(talk.id)
    talk.phone.call("removeMember", talk.id, cem["id"])
    wait_until(lambda: cems.call("conversations") == [])
    talk.bobs.call("leave", talk.id)
    assert talk.bobs.call("conversations") == []
    wait_until(lambda: talk.tablet.call("conversations")[0]["member_count"] == 1)
    talk.phone.call("deleteConversation", talk.id)
    for device in (talk.phone, talk.tablet):
        wait_until(lambda device=device: device.call("conversations") == [])  # type: ignore[misc]


def test_a_direct_conversation_is_one_for_both(talk: Talk) -> None:
    opened = talk.phone.call("openDirect", talk.bob["id"])
    assert talk.bobs.call("openDirect", talk.ann["id"])["id"] == opened["id"]
    for device in (talk.phone, talk.tablet, talk.bobs):
        wait_until(lambda device=device: device.call("conversation", opened["id"]) is not None)  # type: ignore[misc]


def test_a_thread_is_shown_also_where_its_beginning_is_not(talk: Talk) -> None:
    root = talk.shown(talk.phone)
    for number in range(3):
        talk.bobs.call("send", talk.id, {"message": f"reply {number}", "thread_id": root["id"]})
    talk.everywhere(lambda message: message["reply_count"] == 3)
    for number in range(60):
        talk.api.send({"id": talk.id}, talk.ann, str(number))
    late = talk.start(talk.bob)
    late.call("settle")
    assert late.call("messages", talk.id, root["id"]) == []
    assert late.call("loadThread", root) is False
    assert [each["message"] for each in late.call("messages", talk.id, root["id"])] == ["reply 0", "reply 1", "reply 2"]
    reply = late.call("messages", talk.id, root["id"])[0]
    talk.bobs.call("edit", reply, "edited")
    wait_until(lambda: late.call("messages", talk.id, root["id"])[0]["message"] == "edited")


def test_a_file_is_uploaded_and_sent(talk: Talk) -> None:
    attachment = talk.phone.call("uploadText", "hello.txt", "hello")
    talk.phone.call("send", talk.id, {"attachments": [attachment["id"]]})
    talk.everywhere(lambda message: [each["name"] for each in message["attachments"]] == ["hello.txt"], -1)
