"""A long conversation: older messages come as one scrolls up, nothing moves, and only so many are drawn."""

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
  let [worst, pages, most] = [0, 0, 0];
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
    most = Math.max(most, rows().length);
    pages++;
  }
  return { worst, pages, most };
}"""


#: Scrolls down to the last message in the same way.
SCROLL_DOWN = """async (box) => {
  const rows = () => [...box.querySelectorAll("li[data-seq]")];
  const frame = () => new Promise(requestAnimationFrame);
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 2;
  let [worst, most] = [0, 0];
  for (let turn = 0; turn < 400 && !isAtEnd(); turn++) {
    const seen = rows().find((row) => row.getBoundingClientRect().top >= box.getBoundingClientRect().top);
    const at = seen.getBoundingClientRect().top;
    const by = Math.min(400, box.scrollHeight - box.scrollTop - box.clientHeight);
    box.scrollTop += by;
    await frame();
    await frame();
    if (seen.isConnected && !isAtEnd()) worst = Math.max(worst, Math.abs(seen.getBoundingClientRect().top - (at - by)));
    most = Math.max(most, rows().length);
  }
  return { worst, most, last: Number(rows().at(-1).dataset.seq) };
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
    assert moved["most"] <= 200
    here.send(group, bob, "at the end")
    expect(person.page.get_by_role("button", name="1 new")).to_be_visible()
    moved = person.messages.evaluate(SCROLL_DOWN)
    assert moved["last"] == 1001  # by scrolling, too
    assert moved["most"] <= 200
    assert moved["worst"] <= 1
    expect(person.messages.get_by_text("at the end")).to_be_in_viewport()
    person.messages.get_by_role("article").last.focus()
    person.page.keyboard.press("Home")
    person.messages.evaluate(SCROLL)
    person.page.get_by_role("button", name="Latest").click()
    expect(person.messages.get_by_text("at the end")).to_be_in_viewport()
