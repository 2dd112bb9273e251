"""A server that wants tokens: its own, kept by the browser, or those of an identity provider."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.identity import SECRET, signed
from tests.web.person import Person

Visit = Callable[..., Person]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    """Token mode; anyone may sign up."""
    return {"AUTH_MODE": "token", "JWT_SECRET": SECRET, "SIGNUP": "open"}


def test_a_name_is_enough_where_the_server_signs_tokens(visit: Visit) -> None:
    ann, bob = visit("Ann with a token"), visit("Bob with a token")
    ann.page.get_by_role("searchbox", name="Search people and messages").fill("Bob with")
    ann.page.get_by_role("button", name="Bob with a token").click()
    ann.attach_picture("us.png")
    ann.say("Look")
    bob.open("Ann with a token")
    expect(bob.page.get_by_role("img", name="us.png")).to_be_visible()
    bob.page.reload()
    expect(bob.message("Look")).to_be_visible()
    bob.page.get_by_role("button", name="Sign out").click()
    bob.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(bob.page.get_by_label("Your name")).to_be_visible()
    assert bob.page.evaluate("localStorage.getItem('chat.session')") is None


def test_a_session_that_ends_leads_back_to_the_sign_in(visit: Visit) -> None:
    person = visit("Cid with a token")
    session = "JSON.parse(localStorage.getItem('chat.session'))"
    dead = signed(person.page.evaluate(f"{session}.id"), exp=1)
    person.page.evaluate(f"localStorage.setItem('chat.session', JSON.stringify({{...{session}, token: '{dead}'}}))")
    person.page.reload()
    expect(person.page.get_by_label("Your name")).to_be_visible()
    expect(person.page.get_by_role("alert").filter(has_text="token")).to_be_visible()
    # The browser's own words: the token was refused, and the socket of the page before is gone.
    assert all("401" in fault or "400" in fault for fault in person.faults)
    person.faults.clear()
