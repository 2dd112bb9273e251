"""Two people chat in their browsers."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.web.person import Person

Visit = Callable[..., Person]


@pytest.fixture
def two(visit: Visit, here: Api) -> tuple[Person, Person]:
    """Ann and Bob, each with their conversation open."""
    ann, bob = here.users("Ann", "Bob")
    here.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": bob["id"]})
    return visit(ann).open("Bob"), visit(bob).open("Ann")


def test_one_signs_up_by_a_name_finds_somebody_and_writes(visit: Visit, here: Api) -> None:
    cleo = here.user("Cleopatra of Egypt")
    person = visit("Antony")
    person.page.get_by_role("searchbox", name="Search people and messages").fill("cleop")
    person.page.get_by_role("button", name="Cleopatra of Egypt").click()
    person.say("Salve")
    expect(person.message("Salve").get_by_role("img", name="Sent")).to_be_visible()
    assert here.sync(cleo)["conversations"][0]["messages"][0]["message"] == "Salve"
    person.page.reload()
    expect(person.message("Salve")).to_be_visible()


def test_messages_typing_and_ticks_are_live(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.box.press_sequentially("Is the ke")
    expect(bob.page.get_by_text("Ann is typing …")).to_be_visible()
    ann.say("Is the kettle on?")
    expect(bob.message("Is the kettle on?")).to_be_visible()
    expect(ann.message("Is the kettle on?").get_by_role("img", name="Read")).to_be_visible()
    expect(bob.page.get_by_text("Ann is typing …")).to_have_count(0)
    expect(bob.page.locator("[data-news]")).to_have_text("Ann: Is the kettle on?")


def test_what_is_not_open_is_unread(visit: Visit, here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    person = visit(bob)
    for text in "one", "two":
        here.send(group, ann, text)
    expect(person.row("a group").get_by_label("2 unread")).to_be_visible()
    expect(person.page).to_have_title("(2) Chat")
    person.open("a group")
    expect(person.page.get_by_text("New messages")).to_be_visible()
    expect(person.row("a group").locator(".badge")).to_have_count(0)
    expect(person.page).to_have_title("Chat")


def test_a_message_is_edited_reacted_to_answered_and_deleted(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.say("Teh kettle")
    bob.does("Teh kettle", "React with thumbs up")
    expect(ann.message("Teh kettle").get_by_role("button", name="👍 1: Bob")).to_be_visible()
    ann.box.press("ArrowUp")
    expect(ann.box).to_have_value("Teh kettle")
    ann.box.fill("The kettle")
    ann.box.press("Enter")
    expect(bob.message("The kettle").get_by_text("edited")).to_be_visible()
    bob.does("The kettle", "Reply")
    bob.say("is on")
    quote = ann.message("is on").get_by_role("button", name="Ann The kettle")
    expect(quote).to_be_visible()
    ann.does("The kettle", "Delete")
    ann.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(bob.message("This message was deleted.")).to_be_visible()
    expect(bob.message("is on").get_by_role("button", name="Ann Deleted")).to_be_visible()


def test_a_reply_goes_into_a_thread(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.say("Tea?")
    bob.does("Tea?", "Thread")
    thread = bob.page.get_by_role("complementary", name="Thread")
    thread.get_by_role("textbox").fill("Yes please")
    thread.get_by_role("button", name="Send", exact=True).click()
    expect(thread.get_by_role("article").filter(has_text="Yes please")).to_be_visible()
    ann.message("Tea?").get_by_role("button", name="1 reply").click()
    expect(ann.page.get_by_role("complementary", name="Thread").get_by_text("Yes please")).to_be_visible()


def test_a_mention_is_picked_from_a_list(two: tuple[Person, Person], here: Api) -> None:
    ann, bob = two
    ann.box.press_sequentially("Hello @bo")
    expect(ann.page.get_by_role("option", name="Bob")).to_be_visible()
    ann.box.press("Enter")
    expect(ann.box).to_have_value("Hello @Bob ")
    ann.box.press("Enter")
    expect(bob.page.locator(".mention.mine")).to_have_text("@Bob")


def test_a_pinned_message_is_found(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.say("Keep this")
    bob.does("Keep this", "Pin")
    ann.page.get_by_role("button", name="Pinned messages").click()
    ann.page.get_by_role("complementary").get_by_role("button").filter(has_text="Keep this").click()
    expect(ann.page.locator(".flashed")).to_contain_text("Keep this")


def test_a_picture_is_sent_and_shown(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.attach_picture("us.png")
    expect(ann.page.get_by_role("button", name="Remove us.png")).to_be_visible()
    ann.say("Look")
    shown = bob.page.get_by_role("img", name="us.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 100


def test_a_search_marks_and_leads_to_the_message(two: tuple[Person, Person]) -> None:
    ann, bob = two
    ann.say("A marmalade sandwich")
    expect(bob.message("A marmalade sandwich")).to_be_visible()
    bob.page.get_by_role("searchbox", name="Search people and messages").fill("marmalade")
    hit = bob.page.get_by_role("button").filter(has_text="A marmalade sandwich")
    expect(hit.locator("mark")).to_have_text("marmalade")
    hit.click()
    expect(bob.page.locator(".flashed")).to_contain_text("A marmalade sandwich")
