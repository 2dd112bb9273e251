"""Stale state + events + sync = fresh state, also while messages are edited, deleted, answered, pinned, reacted to."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.proofs.test_equivalence import PHONES, TEXTS, People, conversation_of, run, show_the_same_pointers
from tests.support.message_equivalence import MessagePhone, fresh_messages
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]

Json = dict[str, Any]
WHICH = st.integers(0, 9)
NAMED = st.sampled_from(["named", "unnamed"])
EMOJI = st.sampled_from("👍👎🎉")
CHANGE = st.sampled_from([{"message": "edited"}, {"message": "x" * 300}, {"custom": {"a": 1}}, {"custom": {"a": None}}])

#: Seconds in which a burst of reactions has arrived.
BURSTS_ARRIVE = 4


class Editors(People):
    """Users who also change what was said."""

    def chosen(self, phone: MessagePhone, which: int, where: int, **wanted: Any) -> Json | None:
        """Return a message that the phone shows as alive and that is like this, None for none."""
        if not phone.socket or not (id := conversation_of(phone, where)):
            return None
        phone.catch_up()
        messages = [
            each
            for each in phone.conversations[id].messages.values()
            if not each["deleted_at"] and all(each[name] == value for name, value in wanted.items())
        ]
        return messages[which % len(messages)] if messages else None

    @rule(phone=PHONES, which=WHICH, where=WHICH, change=CHANGE, door=NAMED)
    def edit(self, phone: MessagePhone, which: int, where: int, change: Json, door: str) -> None:
        if message := self.chosen(phone, which, where, user_id=phone.me):
            phone.change("messageUpdated", "PATCH", message["id"], door, **change)

    @rule(phone=PHONES, which=WHICH, where=WHICH, door=NAMED)
    def delete(self, phone: MessagePhone, which: int, where: int, door: str) -> None:
        if message := self.chosen(phone, which, where, user_id=phone.me):
            phone.change("messageDeleted", "DELETE", message["id"], door)

    @rule(phone=PHONES, which=WHICH, where=WHICH, emoji=EMOJI, method=st.sampled_from(["PUT", "DELETE"]), door=NAMED)
    def react(self, phone: MessagePhone, which: int, where: int, emoji: str, method: str, door: str) -> None:
        if message := self.chosen(phone, which, where):
            phone.change("messageUpdated", method, f"{message['id']}/reactions/{emoji}", door)

    @rule(phone=PHONES, which=WHICH, where=WHICH, method=st.sampled_from(["PUT", "DELETE"]), door=NAMED)
    def pin(self, phone: MessagePhone, which: int, where: int, method: str, door: str) -> None:
        message = self.chosen(phone, which, where)
        if message and phone.conversations[message["conversation_id"]].about["owner_user_id"] == phone.me:
            phone.change("messageUpdated", method, f"{message['id']}/pin", door)

    @rule(
        phone=PHONES,
        which=WHICH,
        where=WHICH,
        text=TEXTS,
        how=st.sampled_from([["reply_to"], ["thread_id"], ["reply_to", "thread_id"]]),
        door=st.sampled_from(["socket", "named"]),
        loses_answer=st.booleans(),
    )
    def answer(
        self, phone: MessagePhone, which: int, where: int, text: str, how: list[str], door: str, loses_answer: bool
    ) -> None:
        if message := self.chosen(phone, which, where):
            phone.write(message["conversation_id"], text, **dict.fromkeys(how, message["id"]))
            phone.send(door, loses_answer)

    @rule(phone=PHONES, which=WHICH, where=WHICH)
    def all_react_at_once(self, phone: MessagePhone, which: int, where: int) -> None:
        """More than ten in a second: a burst."""
        if message := self.chosen(phone, which, where):
            users = [user for user in self.users if user["id"] in self.member_ids(phone, message)]
            path = f"/messages/{message['id']}/reactions"
            calls = [
                (user, f"{path}/{emoji}", method)
                for method in ("PUT", "DELETE")
                for emoji in "👍👎🎉"
                for user in users
            ]
            with ThreadPoolExecutor(4) as threads:
                list(
                    threads.map(
                        lambda call: self.api.request(
                            call[2], f"{call[1]}?user_id={call[0]['id']}", {"user_id": call[0]["id"]}
                        ),
                        calls,
                    )
                )

    def member_ids(self, phone: MessagePhone, message: Json) -> set[str]:
        return {user["id"] for user in phone.conversations[message["conversation_id"]].about["participants"]}

    @rule()
    def look(self) -> None:
        online = [phone for phone in self.phones if phone.socket]
        for phone in online:
            phone.send()
        for phone in online:
            self.shows_the_same_messages(phone)  # type: ignore[arg-type]
        for phone in online:
            show_the_same_pointers(phone)

    def shows_the_same_messages(self, phone: MessagePhone) -> None:
        """Assert that the phone comes to show what a fresh one shows, once the reactions held back have arrived."""
        deadline = time.monotonic() + BURSTS_ARRIVE
        while True:
            phone.catch_up()
            first_seqs = {id: each.first_seq for id, each in phone.conversations.items()}
            shown, fresh = phone.shown_messages(), fresh_messages(self.api, phone.me, first_seqs)
            if shown == fresh:
                return
            assert time.monotonic() < deadline, f"{shown} is not {fresh}"
            time.sleep(0.1)


@pytest.fixture(params=DRIVERS)
def either_server(
    request: pytest.FixtureRequest, make_database: Callable[..., str], make_server: Callable[..., Server]
) -> Iterator[Server]:
    """The real server, on either driver."""
    with reached_by(request.param, make_database()) as backend:
        server = make_server(**backend)
        yield server
        server.stop()


def test_every_device_ends_up_with_what_a_fresh_one_shows(either_server: Server) -> None:
    run(either_server, MessagePhone, size(12, 200), people=Editors)


class HastyPhone(MessagePhone):
    """Does not draw quotes anew."""

    class room(MessagePhone.room):
        """What it knows."""

        def _draw_quotes(self, original: Json) -> None:
            """Never."""


def test_a_quote_that_is_not_drawn_anew_is_caught(server: Server) -> None:
    with pytest.raises(AssertionError):
        run(server, HastyPhone, 30, is_random=False, people=Editors)
