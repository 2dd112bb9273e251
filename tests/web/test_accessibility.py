"""What axe-core finds, and what can be done without a mouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.support.client import Api
from tests.support.node import install, needs_node
from tests.web.person import PHONE, Person

PACKAGES = Path(__file__).parents[2] / "clients" / "web"


@pytest.fixture(scope="module")
def axe() -> str:
    """The text of axe-core."""
    install(PACKAGES)
    return (PACKAGES / "node_modules/axe-core/axe.min.js").read_text()


def serious_faults(page: Page, axe: str) -> list[dict[str, Any]]:
    page.evaluate(axe)  # as the debugger does it, which the page's policy does not bind
    found = page.evaluate("axe.run()")["violations"]
    faults = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [{"id": each["id"], "where": [node["html"][:200] for node in each["nodes"]]} for each in faults]


@needs_node
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(visit: Callable[..., Person], here: Api, axe: str, scheme: str) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    first = here.send(group, bob, "Is the kettle on?")
    reply = {"user_id": ann["id"], "message": f"Ask @[{bob['id']}], see https://example.com", "reply_to": first["id"]}
    here.request("POST", f"/conversations/{group['id']}/messages/create", reply)
    here.request("PUT", f"/messages/{first['id']}/reactions/👍", {"user_id": bob["id"]})
    person = visit(color_scheme=scheme)
    page = person.page
    expect(page.get_by_label("Your name")).to_be_focused()
    assert not serious_faults(page, axe)
    person.sign_in(ann)
    assert not serious_faults(page, axe)
    person.open("a group")
    person.message("Is the kettle on?").focus()
    expect(page.get_by_role("group", name="Actions")).to_be_visible()
    assert not serious_faults(page, axe)
    for panel in "Members and settings", "Pinned messages":
        page.get_by_role("button", name=panel).click()
        assert not serious_faults(page, axe)
    page.get_by_role("button", name="New group").click()
    assert not serious_faults(page, axe)


@needs_node
def test_axe_finds_no_serious_fault_on_a_phone(visit: Callable[..., Person], here: Api, axe: str) -> None:
    ann, bob = here.users("Ann", "Bob")
    here.send(here.conversation(ann, bob), bob, "Is the kettle on?")
    person = visit(ann, **PHONE)
    assert not serious_faults(person.page, axe)
    person.open("a group")
    assert not serious_faults(person.page, axe)


def test_everything_can_be_done_by_keyboard(visit: Callable[..., Person], here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    for text in "one", "two", "three":
        here.send(group, bob, text)
    person = visit(ann)
    keyboard = person.page.keyboard
    person.row("a group").focus()
    keyboard.press("Enter")
    expect(person.box).to_be_focused()
    keyboard.press("Shift+Tab")  # the button that attaches
    keyboard.press("Shift+Tab")
    last = person.message("three")
    for _ in range(12):
        if last.evaluate("(element) => element === document.activeElement"):
            break
        keyboard.press("Shift+Tab")
    expect(last).to_be_focused()
    keyboard.press("ArrowUp")
    expect(person.message("two")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(person.message("two").get_by_role("button", name="👍 1: you")).to_be_visible()
    person.page.get_by_role("button", name="Members and settings").focus()
    keyboard.press("Enter")
    expect(person.page.get_by_role("heading", name="Members and settings")).to_be_focused()
    keyboard.press("Escape")
    expect(person.page.get_by_role("button", name="Members and settings")).to_be_focused()
