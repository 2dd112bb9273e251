"""The JavaScript client shows what a fresh one shows, whatever users do on however many devices."""

import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.clients.phone import JsPhone, fresh_messages
from tests.support.equivalence import Phone
from tests.support.fresh import differences, fresh_pointers
from tests.support.node import needs_node
from tests.support.people import PHONES, TEXTS, People, conversation_of
from tests.support.proofs import SOAK, size
from tests.support.server import Server

pytestmark = [needs_node, pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]


CHANGES = st.sampled_from(["edit", "remove", "react", "unreact", "smile", "reply_to", "thread_id"])


class JsPeople(People):
    """They change messages too. Their devices are processes, which end with them."""

    @rule(phone=PHONES, which=st.integers(0, 9), place=st.integers(0, 9), how=CHANGES, text=TEXTS)
    def change(self, phone: JsPhone, which: int, place: int, how: str, text: str) -> None:
        if phone.socket and (id := conversation_of(phone, which)):
            phone.change(id, place, how, text)

    def shows_the_same(self, phone: Phone) -> None:
        assert isinstance(phone, JsPhone)
        deadline = time.monotonic() + self.patience
        while True:
            first_seqs = {id: each.first_seq for id, each in phone.conversations.items()}
            wrong = [
                *differences(phone.shown_messages(), fresh_messages(self.api, phone.me, first_seqs)),
                *differences(
                    self.as_told(phone, phone.shown_pointers()),
                    self.as_told(phone, fresh_pointers(self.api, phone.me)),
                ),
            ]
            if not wrong:
                return
            assert time.monotonic() < deadline, "it shows something else:\n" + "\n".join(wrong)
            time.sleep(0.1)
            phone.catch_up()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            for phone in self.phones:
                phone.close()  # type: ignore[attr-defined]


def test_every_device_ends_up_with_what_a_fresh_one_shows(server: Server, js_packages: None) -> None:
    run_state_machine_as_test(
        lambda: JsPeople(server, JsPhone),
        settings=settings(
            max_examples=size(3, 60),
            stateful_step_count=size(30, 60),
            derandomize=not SOAK,
            phases=[Phase.generate, Phase.shrink] if SOAK else [Phase.generate],
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
