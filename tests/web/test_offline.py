"""One loses the connection, writes and reads on, and is in step again when it returns."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.web.person import Person


def test_what_is_written_and_missed_offline_arrives(visit: Callable[..., Person], here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    here.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": bob["id"]})
    anns, bobs = visit(ann).open("Bob"), visit(bob).open("Ann")
    bobs.say("before")
    expect(anns.message("before")).to_be_visible()
    anns.context.set_offline(True)
    expect(anns.page.get_by_text("No connection.")).to_be_visible()
    anns.say("written in a tunnel")
    expect(anns.message("written in a tunnel").get_by_role("img", name="Sending")).to_be_visible()
    expect(anns.page.get_by_text("1 message will be sent")).to_be_visible()
    bobs.say("missed in a tunnel")
    bobs.does("before", "React with heart")
    anns.context.set_offline(False)
    expect(anns.message("missed in a tunnel")).to_be_visible()
    expect(anns.message("before").get_by_role("button", name="❤️ 1: Bob")).to_be_visible()
    expect(bobs.message("written in a tunnel")).to_have_count(1)
    expect(anns.message("written in a tunnel").get_by_role("img", name="Read")).to_be_visible()
    expect(anns.page.get_by_text("No connection.")).to_have_count(0)
