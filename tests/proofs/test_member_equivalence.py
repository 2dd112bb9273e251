"""Stale state + events + sync = fresh state, also while members come, go, and change what a conversation is like."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.proofs.test_equivalence import MOVES, PHONES, RECEIPTS_ARRIVE, USERS, People, conversation_of, run
from tests.support.member_equivalence import MemberPhone, fresh
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]

Json = dict[str, Any]
WHICH = st.integers(0, 9)
SETTINGS = st.sampled_from(
    [
        {"pinned": True},
        {"pinned": False},
        {"archived": True},
        {"archived": False, "pinned": True},
        {"muted_until": "2999-01-01T00:00:00+00:00", "archived": True},
        {"muted_until": None},
        {"notifications": "mentions"},
    ]
)
CHANGES = st.sampled_from(
    [{"name": "one"}, {"name": "two", "frozen": False}, {"description": "d"}, {"history": "since_joined"}, {}]
)


class MemberRules:
    """What users do with members, roles, names and settings."""

    def where(self, phone: MemberPhone, which: int) -> str:
        """Return a conversation that the phone knows, empty when it is away or knows none."""
        return conversation_of(phone, which) if phone.socket else ""

    @rule(phone=PHONES, which=WHICH, user=USERS, history=st.sampled_from(["all", "now", 2, None]))
    def add(self, phone: MemberPhone, which: int, user: Json, history: Any) -> None:
        if id := self.where(phone, which):
            more = {} if history is None else {"history_from": history}
            path = f"/conversations/{id}/participants"
            phone.change("conversationUpdated", "POST", path, participant_ids=[user["id"]], **more)

    @rule(phone=PHONES, which=WHICH, user=USERS)
    def remove(self, phone: MemberPhone, which: int, user: Json) -> None:
        if id := self.where(phone, which):
            phone.change_participant("DELETE", id, user["id"])

    @rule(phone=PHONES, which=WHICH)
    def go(self, phone: MemberPhone, which: int) -> None:
        if id := self.where(phone, which):
            phone.change_participant("DELETE", id, phone.me)

    @rule(phone=PHONES, which=WHICH, user=USERS, role=st.sampled_from(["owner", "admin", "member"]))
    def give_role(self, phone: MemberPhone, which: int, user: Json, role: str) -> None:
        if id := self.where(phone, which):
            phone.change_participant("PATCH", id, user["id"], role=role)

    @rule(phone=PHONES, which=WHICH, changes=CHANGES)
    def change(self, phone: MemberPhone, which: int, changes: Json) -> None:
        if id := self.where(phone, which):
            phone.change("conversationUpdated", "PATCH", f"/conversations/{id}", **changes)

    @rule(phone=PHONES, owner=PHONES, which=WHICH)
    def join(self, phone: MemberPhone, owner: MemberPhone, which: int) -> None:
        """Make one public that another phone knows, if its user may, and enter it."""
        if phone.socket and (id := self.where(owner, which)):
            owner.change("conversationUpdated", "PATCH", f"/conversations/{id}", visibility="public")
            phone.change("newConversation", "POST", f"/conversations/{id}/join")

    @rule(phone=PHONES, which=WHICH)
    def delete(self, phone: MemberPhone, which: int) -> None:
        if (id := self.where(phone, which)) and which < 2:
            phone.change("conversationDeleted", "DELETE", f"/conversations/{id}")

    @rule(phone=PHONES, which=WHICH, settings=SETTINGS)
    def set(self, phone: MemberPhone, which: int, settings: Json) -> None:
        if id := self.where(phone, which):
            phone.change("conversationSettings", "PATCH", f"/conversations/{id}/settings", **settings)

    @rule(phone=PHONES, other=USERS)
    def open_direct(self, phone: MemberPhone, other: Json) -> None:
        if phone.socket and other["id"] != phone.me:
            phone.change("newConversation", "POST", "/conversations/direct", other_user_id=other["id"])


class Members(MemberRules, People):
    """People whose conversations change."""

    @rule(phone=PHONES, which=WHICH, short_of=st.integers(-2, 4), moves=MOVES)
    def read(self, phone: MemberPhone, which: int, short_of: int, moves: list[str]) -> None:  # type: ignore[override]
        if phone.socket:
            phone.catch_up()
            if id := conversation_of(phone, which):
                for pointer in moves:
                    phone.read(id, **{pointer: max(0, phone.conversations[id].newest_seq - short_of)})

    @rule()
    def look(self) -> None:
        online: list[MemberPhone] = [phone for phone in self.phones if phone.socket]  # type: ignore[misc]
        for phone in online:
            phone.send()
        for phone in online:
            phone.catch_up()
        for phone in online:
            show_the_same(phone)


def show_the_same(phone: MemberPhone) -> None:
    """Assert that the phone comes to show what a fresh one shows, once the receipts held back have arrived."""
    deadline = time.monotonic() + RECEIPTS_ARRIVE
    while True:
        first_seqs = {id: each.first_seq for id, each in phone.conversations.items()}
        shown, expected = phone.shown(), fresh(phone.api, phone.me, first_seqs)
        if shown == expected:
            return
        late = [
            {id: each | {"pointers": {}, "unread_count": 0} for id, each in state.items()}
            for state in (shown, expected)
        ]
        assert late[0] == late[1]
        assert time.monotonic() < deadline, f"{shown} is not {expected}"
        time.sleep(0.1)
        phone.catch_up()


@pytest.fixture(params=DRIVERS)
def either_server(
    request: pytest.FixtureRequest, make_database: Callable[..., str], make_server: Callable[..., Server]
) -> Iterator[Server]:
    """The real server, on either driver, with system messages."""
    with reached_by(request.param, make_database()) as backend:
        server = make_server(**backend, SYSTEM_MESSAGES="on")
        yield server
        server.stop()


def test_every_device_ends_up_with_what_a_fresh_one_shows(either_server: Server) -> None:
    run(either_server, MemberPhone, size(8, 200), people=Members)


class DeafPhone(MemberPhone):
    """Does not hear that it was removed."""

    def hear(self, event: str, data: Json) -> None:
        if event != "removedFromConversation":
            super().hear(event, data)


def test_a_removal_that_is_not_heard_is_caught(make_server: Callable[..., Server]) -> None:
    with pytest.raises(AssertionError):
        run(make_server(SYSTEM_MESSAGES="on"), DeafPhone, 40, is_random=False, people=Members)
