"""Stale state + events + sync = fresh state, whatever users do on however many devices, some away for a while."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import fresh_messages, fresh_pointers
from tests.support.proofs import DRIVERS, SOAK, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]

#: Seconds in which coalesced receipts have arrived.
RECEIPTS_ARRIVE = 4

PHONES = st.runner().flatmap(lambda people: st.sampled_from(people.phones))
USERS = st.runner().flatmap(lambda people: st.sampled_from(people.users))
DOORS = st.sampled_from(["socket", "named", "unnamed"])
MOVES = st.sampled_from([["delivered_seq"], ["read_seq"], ["delivered_seq", "read_seq"]])
TEXTS = st.sampled_from(["hi", "🙂", "שלום", "two\nlines", 'o\'clock \\ "quoted"'])
MOST_PHONES = 5
MOST_CONVERSATIONS = 4


class People(RuleBasedStateMachine):
    """Three users and their phones do what users do; at any time each phone may be asked to show the truth."""

    def __init__(self, server: Server, phone: type[Phone]) -> None:
        super().__init__()
        self.server = server
        self.api = Api(server)
        self.phone = phone
        self.phones: list[Phone] = []
        self.opened = 0

    @initialize(page=st.sampled_from([3, 50]))
    def sign_up(self, page: int) -> None:
        self.new_phone = lambda user: self.phone(self.server, user, page)
        self.users = self.api.users("ann", "bob", "cem")
        ann, bob, _ = self.users
        self.phones = [self.new_phone(user) for user in (*self.users, ann)]
        self.phones[0].open(bob)

    @rule(phone=PHONES, others=st.lists(USERS, max_size=3))
    def open_conversation(self, phone: Phone, others: list[dict[str, Any]]) -> None:
        if phone.socket and self.opened < MOST_CONVERSATIONS:
            self.opened += 1
            phone.open(*others)

    @rule(phone=PHONES, which=st.integers(0, 9), text=TEXTS, door=DOORS, loses_answer=st.booleans())
    def write(self, phone: Phone, which: int, text: str, door: str, loses_answer: bool) -> None:
        if id := conversation_of(phone, which):
            phone.write(id, text)
            if phone.socket:
                phone.send(self.possible(door, phone), loses_answer)

    @rule(phone=PHONES, which=st.integers(0, 9), short_of=st.integers(-2, 4), moves=MOVES, door=DOORS)
    def read(self, phone: Phone, which: int, short_of: int, moves: list[str], door: str) -> None:
        if (id := conversation_of(phone, which)) and phone.socket:
            phone.catch_up()
            seq = max(0, phone.conversations[id].last_seq - short_of)
            for pointer in moves:
                phone.read(id, self.possible(door, phone), **{pointer: seq})

    @rule(which=st.integers(0, 9), text=TEXTS)
    def write_all_at_once(self, which: int, text: str) -> None:
        writers = [phone for phone in self.phones if phone.socket and conversation_of(phone, which)]
        for phone in writers:
            phone.write(conversation_of(phone, which), text)
        with ThreadPoolExecutor(len(writers) or 1) as threads:
            list(threads.map(Phone.send, writers))

    @rule(phone=PHONES)
    def leave(self, phone: Phone) -> None:
        phone.leave()

    @rule(phone=PHONES, by_http=st.booleans(), by_cursor=st.booleans())
    def come_back(self, phone: Phone, by_http: bool, by_cursor: bool) -> None:
        if not phone.socket:
            phone.come_back(by_http, by_cursor)

    @rule(user=USERS)
    def buy_a_phone(self, user: dict[str, Any]) -> None:
        if len(self.phones) < MOST_PHONES:
            self.phones.append(self.new_phone(user))

    @rule()
    def look(self) -> None:
        online = [phone for phone in self.phones if phone.socket]
        for phone in online:
            phone.send()
        for phone in online:
            phone.catch_up()
        for phone in online:
            first_seqs = {id: each.first_seq for id, each in phone.conversations.items()}
            assert phone.shown_messages() == fresh_messages(self.api, phone.me, first_seqs)
        for phone in online:
            show_the_same_pointers(phone)

    def teardown(self) -> None:
        try:
            for phone in self.phones:
                if not phone.socket:
                    phone.come_back()
            self.look()
        finally:
            for phone in self.phones:
                phone.leave()

    def possible(self, door: str, phone: Phone) -> str:
        """Return the door, for a user with several phones online always one at which the caller names its socket."""
        alone = sum(bool(each.socket) and each.me == phone.me for each in self.phones) == 1
        return door if alone or door == "socket" else "named"


def conversation_of(phone: Phone, which: int) -> str:
    """Return one of the conversations that the phone knows, empty when it knows none."""
    ids = list(phone.conversations)
    return ids[which % len(ids)] if ids else ""


def show_the_same_pointers(phone: Phone) -> None:
    """Assert that the phone comes to show what a fresh one shows, once the receipts held back have arrived."""
    deadline = time.monotonic() + RECEIPTS_ARRIVE
    while (shown := phone.shown_pointers()) != (fresh := fresh_pointers(phone.api, phone.me)):
        assert time.monotonic() < deadline, f"{shown} is not {fresh}"
        time.sleep(0.1)
        phone.catch_up()


def run(
    server: Server,
    phone: type[Phone],
    examples: int,
    is_random: bool = SOAK,
    people: Callable[[Server, type[Phone]], People] = People,
) -> None:
    """Let people do random things: the same in every run, or others in each, where a failure is then made small."""
    run_state_machine_as_test(
        lambda: people(server, phone),
        settings=settings(
            max_examples=examples,
            stateful_step_count=size(30, 60),
            derandomize=not is_random,
            phases=[Phase.generate, Phase.shrink] if is_random else [Phase.generate],
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


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
    run(either_server, Phone, size(12, 200))


class CarelessPhone(Phone):
    """Loses one message on its way and does not look for gaps."""

    has_lost_one = False

    def hear(self, event: str, data: dict[str, Any]) -> None:
        if event == "message" and data["user_id"] != self.me and not self.has_lost_one:
            self.has_lost_one = True
        else:
            super().hear(event, data)

    def look_for_gaps(self) -> None:
        """Never."""


def test_a_dropped_event_is_caught(server: Server) -> None:
    with pytest.raises(AssertionError):
        run(server, CarelessPhone, 20, is_random=False)


class UnluckyPhone(CarelessPhone):
    """Loses one message on its way, and looks for gaps."""

    def look_for_gaps(self) -> None:
        Phone.look_for_gaps(self)


def test_a_gap_is_noticed_with_the_next_event_and_closed(server: Server) -> None:
    ann, bob = Api(server).users("ann", "bob")
    sender, receiver = Phone(server, ann), UnluckyPhone(server, bob)
    sender.open(bob)
    (id,) = sender.conversations
    for text in ("lost", "heard"):
        sender.write(id, text)
        sender.send()
    receiver.catch_up()
    assert receiver.has_lost_one
    assert receiver.shown_messages() == fresh_messages(receiver.api, bob["id"], {id: 1}) == sender.shown_messages()
    sender.leave()
    receiver.leave()
