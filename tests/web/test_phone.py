"""The web client on a phone: the list or the conversation, and fingers."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.web.person import PHONE, Person


def test_one_thing_at_a_time(visit: Callable[..., Person], here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    here.send(group, bob, "Is the kettle on?")
    person = visit(ann, **PHONE)
    expect(person.page.get_by_role("main")).to_be_hidden()
    person.row("a group").tap()
    expect(person.message("Is the kettle on?")).to_be_in_viewport()
    expect(person.page.get_by_role("navigation")).to_be_hidden()
    person.say("It is\nhot")
    expect(person.messages.get_by_text("It is hot")).to_be_in_viewport()
    person.message("Is the kettle on?").tap()
    person.page.get_by_role("button", name="Reply").tap()
    expect(person.page.get_by_text("Answering Bob")).to_be_visible()
    width = person.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    person.page.get_by_role("button", name="Back to the list").tap()
    expect(person.row("a group")).to_be_visible()
    expect(person.page.get_by_role("main")).to_be_hidden()
