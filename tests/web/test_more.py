"""Profiles, blocks, messages sent later, public groups, earlier texts, unread marks, and what notifies."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.support.node import needs_node
from tests.web.person import PHONE, Person
from tests.web.test_accessibility import axe, serious_faults  # noqa: F401

Visit = Callable[..., Person]


@needs_node
@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_a_profile_is_edited(visit: Visit, here: Api, axe: str, options: dict[str, Any]) -> None:  # noqa: F811
    ann, bob = here.users("Ann", "Bob")
    here.conversation(ann, bob)
    person = visit(ann, **options)
    page = person.page
    page.get_by_role("button", name="Ann", exact=True).click()
    dialog = page.get_by_role("dialog", name="You")
    dialog.get_by_label("Name").fill("Ann of the garden")
    dialog.get_by_label("About you").fill("Back at noon")
    dialog.get_by_label("Notify of").select_option("mentions")
    dialog.get_by_label("Show when I am online").uncheck()
    assert not serious_faults(page, axe)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Ann of the garden")).to_be_visible()
    profile = here.request("GET", f"/users/{ann['id']}?user_id={ann['id']}")
    assert (profile["about"], profile["notifications"], profile["share_presence"]) == (
        "Back at noon",
        "mentions",
        False,
    )
    assert profile["share_receipts"] is True


@needs_node
def test_somebody_is_blocked_and_unblocked(visit: Visit, here: Api, axe: str) -> None:  # noqa: F811
    ann, bob = here.users("Ann", "Bob")
    here.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": bob["id"]})
    person = visit(ann).open("Bob")
    page = person.page
    page.get_by_role("button", name="Members and settings").click()
    page.get_by_role("button", name="Block Bob").click()
    page.get_by_role("dialog").get_by_role("button", name="Block").click()
    expect(page.get_by_role("button", name="Unblock Bob")).to_be_visible()
    person.say("Hello?")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Ann", exact=True).click()
    dialog = page.get_by_role("dialog", name="You")
    expect(dialog.get_by_role("button", name="Unblock Bob")).to_be_visible()
    assert not serious_faults(page, axe)
    dialog.get_by_role("button", name="Unblock Bob").click()
    expect(dialog.get_by_text("Nobody.")).to_be_visible()
    assert here.request("GET", f"/blocks?user_id={ann['id']}") == []


@needs_node
def test_a_message_is_sent_later_listed_and_cancelled(visit: Visit, here: Api, axe: str) -> None:  # noqa: F811
    ann, bob = here.users("Ann", "Bob")
    here.conversation(ann, bob)
    person = visit(ann).open("a group")
    page = person.page
    person.box.fill("Happy birthday!")
    page.get_by_role("button", name="Send later").click()
    dialog = page.get_by_role("dialog", name="Send later")
    expect(dialog.get_by_text("Nothing waits")).to_be_visible()
    dialog.get_by_role("button", name="Schedule", exact=True).click()
    expect(page.get_by_text("It will be sent on")).to_be_visible()
    expect(person.box).to_have_value("")
    assert [each["message"] for each in here.request("GET", f"/scheduled?user_id={ann['id']}")] == ["Happy birthday!"]
    page.get_by_role("button", name="Send later").click()
    assert not serious_faults(page, axe)
    dialog.get_by_role("button", name="Cancel: Happy birthday!").click()
    expect(dialog.get_by_text("Nothing waits")).to_be_visible()
    assert here.request("GET", f"/scheduled?user_id={ann['id']}") == []


@needs_node
def test_a_public_group_is_found_and_joined(visit: Visit, here: Api, axe: str) -> None:  # noqa: F811
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann)
    anns = visit(ann).open("a group").page
    anns.get_by_role("button", name="Members and settings").click()
    panel = anns.get_by_role("complementary")
    panel.get_by_label("Name").fill("Open garden")
    panel.get_by_label("Description").fill("Everything that grows")
    panel.get_by_label("Anyone may find and join it").check()
    panel.get_by_label("Notify of").select_option("none")
    panel.get_by_role("button", name="Save").click()
    expect(anns.get_by_text("Saved.")).to_be_visible()
    assert here.conversation_of(group, ann)["notifications"] == "none"
    person = visit(bob)
    person.page.get_by_role("searchbox", name="Search people and messages").fill("open gard")
    join = person.page.get_by_role("button", name="Join Open garden")
    expect(join).to_be_visible()
    assert not serious_faults(person.page, axe)
    join.click()
    expect(person.page.get_by_role("main").get_by_role("heading", name="Open garden")).to_be_visible()
    person.say("Hello")
    expect(person.message("Hello")).to_be_visible()


@needs_node
def test_earlier_texts_are_shown(visit: Visit, here: Api, axe: str) -> None:  # noqa: F811
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    message = here.send(group, bob, "The kettel is on")
    here.request("PATCH", f"/messages/{message['id']}", {"user_id": bob["id"], "message": "The kettle is on"})
    person = visit(ann).open("a group")
    person.message("The kettle is on").get_by_role("button", name="edited").click()
    dialog = person.page.get_by_role("dialog", name="Earlier texts")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog.get_by_text("The kettel is on")).to_be_visible()
    assert not serious_faults(person.page, axe)
    person.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_message_is_marked_unread(visit: Visit, here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    for text in "one", "two", "three":
        here.send(group, bob, text)
    person = visit(ann).open("a group")
    expect(person.message("three")).to_be_visible()
    expect(person.row("a group").get_by_label("unread")).to_have_count(0)
    person.does("two", "Mark as unread")
    expect(person.row("a group").get_by_label("2 unread")).to_be_visible()
    person.open("a group")
    expect(person.messages.get_by_text("New messages")).to_be_visible()
