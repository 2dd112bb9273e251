"""Stale state + events + sync = fresh state, whatever users do on however many devices, some away for a while."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import fresh
from tests.support.known import Conversation, Json
from tests.support.people import EditRules, MemberRules, People, run
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]


class Everybody(EditRules, MemberRules, People):
    """People who do everything that the machine knows."""


@pytest.fixture(params=DRIVERS)
def either_server(
    request: pytest.FixtureRequest,
    make_database: Callable[..., str],
    make_server: Callable[..., Server],
    tmp_path: Path,
) -> Iterator[Server]:
    """The real server, on either driver, with system messages."""
    with reached_by(request.param, make_database()) as backend:
        files = {"ATTACHMENTS_STORE": "directory", "ATTACHMENTS_DIR": str(tmp_path / "files")}
        server = make_server(**backend, **files, SYSTEM_MESSAGES="on")
        yield server
        server.stop()


def test_every_device_ends_up_with_what_a_fresh_one_shows(either_server: Server) -> None:
    run(lambda: Everybody(either_server, Phone), size(6, 200))


class CarelessPhone(Phone):
    """Loses one message on its way and does not look for gaps."""

    has_lost_one = False

    def hear(self, event: str, data: Json) -> None:
        if event == "message" and data["user_id"] != self.me and not self.has_lost_one:
            self.has_lost_one = True
        else:
            super().hear(event, data)

    def look_for_gaps(self) -> None:
        """Never."""


class TrustfulConversation(Conversation):
    """Takes what comes last for the newest."""

    def put(self, message: Json) -> None:
        self.messages.pop(message["id"], None)
        super().put(message)


class BackwardPhone(Phone):
    """Gets events in the wrong order, and does not look at versions."""

    kind = TrustfulConversation

    def catch_up(self) -> None:
        assert self.socket
        for event, data in reversed(self.socket.heard_so_far()):
            self.hear(event, data)


class HastyConversation(Conversation):
    """Does not draw quotes anew."""

    def draw_quotes(self, original: Json) -> None:
        """Never."""


class HastyPhone(Phone):
    """Does not draw quotes anew."""

    kind = HastyConversation


def deaf_to(name: str) -> type[Phone]:
    """Return a phone that does not hear one kind of event."""

    class DeafPhone(Phone):
        def hear(self, event: str, data: Json) -> None:
            if event != name:
                super().hear(event, data)

    return DeafPhone


def write_twice(people: Everybody, ann: Phone, bob: Phone) -> None:
    for text in ("one", "two"):
        ann.write(next(iter(ann.conversations)), text)
        ann.send()


def edit_a_quoted_message(people: Everybody, ann: Phone, bob: Phone) -> None:
    write_twice(people, ann, bob)
    bob.catch_up()
    people.answer(phone=bob, which=0, where=0, text="yes", how=["reply_to"], door="socket", loses_answer=False)
    people.edit(phone=ann, which=0, where=0, change={"message": "edited"}, door="named")


def edit(people: Everybody, ann: Phone, bob: Phone) -> None:
    write_twice(people, ann, bob)
    people.edit(phone=ann, which=0, where=0, change={"message": "edited"}, door="named")


def remove(people: Everybody, ann: Phone, bob: Phone) -> None:
    ann.change_participant("DELETE", next(iter(ann.conversations)), bob.me)


def rename(people: Everybody, ann: Phone, bob: Phone) -> None:
    people.look()
    people.change_profile(phone=ann, changes={"username": "zoe"}, door="named")


def read(people: Everybody, ann: Phone, bob: Phone) -> None:
    bob.catch_up()
    write_twice(people, bob, ann)
    ann.catch_up()
    ann.read(next(iter(ann.conversations)), read_seq=1)


@pytest.mark.parametrize(
    ("phone", "act"),
    [
        (CarelessPhone, write_twice),
        (BackwardPhone, edit),
        (HastyPhone, edit_a_quoted_message),
        (deaf_to("removedFromConversation"), remove),
        (deaf_to("userUpdated"), rename),
        (deaf_to("receipt"), read),
    ],
    ids=["dropped", "backward", "quotes", "removal", "profile", "receipt"],
)
@pytest.mark.parametrize("is_sound", [False, True])
def test_what_a_device_misses_is_caught(
    shared_server: Server, phone: type[Phone], act: Callable[..., None], is_sound: bool
) -> None:
    people = Everybody(shared_server, Phone if is_sound else phone)
    people.patience = 8 if is_sound else 0.5
    people.sign_up(page=50)
    try:
        act(people, *people.phones[:2])
        if is_sound:
            people.look()
        else:
            with pytest.raises(AssertionError, match="it shows"):
                people.look()
    finally:
        for each in people.phones:
            each.leave()


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
    assert messages(receiver.shown()) == messages(fresh(receiver.api, bob["id"], {id: 1})) == messages(sender.shown())
    sender.leave()
    receiver.leave()


def messages(shown: dict[str, Json]) -> list[Any]:
    return [each["messages"] for each in shown.values()]
