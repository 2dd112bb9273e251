"""The tutorial's own mobile client, with the socket.io-client that it pins, on the real server."""

from collections.abc import Iterator

import pytest

from tests.support.node import TutorialApp, needs_node
from tests.support.server import Server

pytestmark = needs_node


@pytest.fixture
def apps(npm: None, shared_server: Server) -> Iterator[list[TutorialApp]]:
    """Two phones."""
    apps = [TutorialApp(shared_server) for _ in range(2)]
    yield apps
    for app in apps:
        app.close()


def test_two_people_talk(apps: list[TutorialApp]) -> None:
    phone, other = apps
    ann, bob = phone.call("signUp", "ann"), other.call("signUp", "bob")
    for each in apps:
        each.call("joined")
        assert each.call("list") == []
    assert [user["id"] for user in phone.call("people")] == [bob["id"]]

    opened = phone.call("open", bob["id"], "Tea")  # in which the other person is the owner
    assert opened["owner_user_id"] == bob["id"]
    assert {user["id"] for user in opened["participants"]} == {ann["id"], bob["id"]}
    assert phone.call("heardOf") == other.call("heardOf") == [opened]

    talk = opened["id"]
    assert texts(phone.call("send", talk, "Is the kettle on?")) == [("Is the kettle on?", True)]  # shown at once
    assert texts(other.call("shown", talk, 1)) == [("Is the kettle on?", False)]
    other.call("send", talk, "It is.")
    phone.call("shown", talk, 2)
    phone.call("send", talk, "Good.")
    # An echo of one's own would have come before what the other one said after it.
    assert texts(other.call("shown", talk, 3)) == [("Is the kettle on?", False), ("It is.", True), ("Good.", False)]
    assert texts(phone.call("shown", talk, 3)) == [("Is the kettle on?", True), ("It is.", False), ("Good.", True)]
    assert phone.call("read", talk) == phone.call("shown", talk, 3)
    assert len(phone.call("heardOf")) == len(other.call("heardOf")) == 1


def test_a_phone_that_is_opened_again_shows_what_was_said(apps: list[TutorialApp]) -> None:
    phone, other = apps
    phone.call("signUp", "ann")
    bob = other.call("signUp", "bob")
    talk = phone.call("open", bob["id"], "Tea")["id"]
    for text in "one", "two":
        phone.call("send", talk, text)
    other.call("joined")
    assert [conversation["id"] for conversation in other.call("list")] == [talk]
    assert texts(other.call("shown", talk, 2)) == [("one", False), ("two", False)]


def texts(shown: list[dict]) -> list[tuple[str, bool]]:
    """Return what is on the screen: each text, and whether it is on one's own side."""
    return [(message["message"], message["mine"]) for message in shown]
