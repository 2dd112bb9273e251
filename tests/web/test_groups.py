"""Groups: made, managed, left, and entered by a link."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.web.person import Person

Visit = Callable[..., Person]


def test_a_group_is_made_renamed_and_its_members_change(visit: Visit, here: Api) -> None:
    ann = here.user("Ann")
    bob = here.user("Bob the first")
    here.user("Cid the second")
    anns, bobs = visit(ann), visit(bob)
    page = anns.page
    page.get_by_role("button", name="New group").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Chess")
    dialog.get_by_role("searchbox").fill("Bob the first")
    dialog.get_by_role("checkbox", name="Bob the first").check()
    dialog.get_by_role("button", name="Create group").click()
    expect(page.get_by_role("main").get_by_role("heading", name="Chess")).to_be_visible()
    expect(bobs.row("Chess")).to_be_visible()
    page.get_by_role("button", name="Members and settings").click()
    panel = page.get_by_role("complementary")
    panel.get_by_label("Name").fill("Chess club")
    panel.get_by_role("button", name="Save").click()
    expect(bobs.row("Chess club")).to_be_visible()
    panel.get_by_role("button", name="Add people").click()
    page.get_by_role("dialog").get_by_role("searchbox").fill("Cid the second")
    page.get_by_role("dialog").get_by_role("checkbox", name="Cid the second").check()
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(panel.get_by_role("heading", name="3 members")).to_be_visible()
    panel.get_by_label("Role of Bob the first").select_option("admin")
    bobs.open("Chess club").page.get_by_role("button", name="Members and settings").click()
    expect(bobs.page.get_by_role("button", name="Add people")).to_be_visible()
    panel.get_by_role("button", name="Remove Cid the second").click()
    expect(panel.get_by_role("heading", name="2 members")).to_be_visible()
    bobs.page.get_by_role("button", name="Leave").click()
    bobs.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(bobs.row("Chess club")).to_have_count(0)


def test_a_link_lets_somebody_in(visit: Visit, here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    here.conversation(ann)
    person = visit(ann).open("a group")
    person.page.get_by_role("button", name="Members and settings").click()
    person.page.get_by_role("button", name="Make a link").click()
    link = person.page.get_by_role("textbox", name="Link").input_value()
    guest = visit(bob)
    guest.page.goto(link)
    expect(guest.page.get_by_role("dialog")).to_contain_text("You are invited to a group, with 1 member.")
    guest.page.get_by_role("button", name="Join").click()
    guest.say("Hello everyone")
    expect(person.message("Hello everyone")).to_be_visible()


def test_a_conversation_is_put_on_top_and_archived_for_oneself(visit: Visit, here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    here.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": bob["id"]})
    here.conversation(ann, bob)
    person = visit(ann).open("Bob")
    person.page.get_by_role("button", name="Members and settings").click()
    person.page.get_by_label("Keep at the top of the list").click()
    rows = person.page.get_by_role("navigation").get_by_role("link")
    expect(rows.first).to_contain_text("Bob")
    person.page.get_by_label("Archive").click()
    expect(rows).to_have_count(1)
    person.page.get_by_role("button", name="Archived conversations").click()
    expect(person.row("Bob")).to_be_visible()
