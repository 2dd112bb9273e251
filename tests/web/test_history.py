"""A long conversation: older messages come as one scrolls up, and nothing moves under the reader."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.web.person import Person

#: Scrolls to the first message; returns how far, at most, a row moved when a page came in above it, and the pages.
SCROLL = """async (box) => {
  const rows = () => [...box.querySelectorAll("li[data-seq]")];
  const frame = () => new Promise(requestAnimationFrame);
  let [worst, pages] = [0, 0];
  for (let last = 0; rows()[0].dataset.seq !== "1" && last < 600; last++) {
    const first = rows()[0];
    box.scrollTop = Math.min(box.scrollTop, 350);
    await frame();
    const top = box.getBoundingClientRect().top;
    const seen = rows().find((row) => row.getBoundingClientRect().top >= top);
    const at = seen.getBoundingClientRect().top;
    for (let wait = 0; rows()[0] === first && wait < 600; wait++) await frame();
    await frame();
    worst = Math.max(worst, Math.abs(seen.getBoundingClientRect().top - at));
    pages++;
  }
  return { worst, pages };
}"""


def test_a_thousand_messages_scroll_to_the_top_without_a_jump(visit: Callable[..., Person], here: Api) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    for number in range(1, 1001):
        here.send(group, (ann, bob)[number // 3 % 2], f"number {number}\n" + "and so on " * (number * 7 % 60))
    person = visit(ann).open("a group")
    expect(person.messages.get_by_text("number 1000")).to_be_in_viewport()
    moved = person.messages.evaluate(SCROLL)
    assert moved["pages"] >= 15
    assert moved["worst"] <= 1
    assert person.messages.locator("li[data-seq]").count() == 1000
    here.send(group, bob, "at the end")
    expect(person.page.get_by_role("button", name="1 new")).to_be_visible()
    person.page.get_by_role("button", name="1 new").click()
    expect(person.messages.get_by_text("at the end")).to_be_in_viewport()
