"""Many write into one conversation at once, through both doors, some of them twice: every message is there, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Api
from tests.support.fresh import all_messages
from tests.support.known import MESSAGE
from tests.support.proofs import DRIVERS, HttpWriter, SocketWriter, reached_by, size
from tests.support.server import Device, Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 1800))]

Json = dict[str, Any]

WRITERS = 8
#: Every so many messages one is sent twice at once.
TWICE = 5


class Writer:
    """One of the writers, with a socket: it sends by the socket, or over HTTP naming the socket, or naming none."""

    def __init__(self, server: Server, user: Json, conversation: Json, door: str) -> None:
        self.door = door
        self.socket = SocketWriter(server, user, conversation)
        self.device = self.socket.device = Device(server)
        self.device.join(user)
        headers = {} if door == "unnamed" else {"X_Socket_ID": self.device.sid}
        self.http = HttpWriter(server, user, conversation, **headers)

    def write(self, number_of_messages: int) -> list[Json]:
        """Return the acknowledged messages."""
        with ThreadPoolExecutor(2) as threads:
            return [
                self.write_one(f"message {number}", number % TWICE == 0, threads)
                for number in range(number_of_messages)
            ]

    def write_one(self, text: str, twice: bool, threads: ThreadPoolExecutor) -> Json:
        client_id = str(uuid4())
        first = self.socket if self.door == "socket" else self.http
        answer = threads.submit(first.attempt, text, client_id)
        if twice:  # the retry of someone who has lost patience, while the first is under way
            again = threads.submit(self.http.attempt, text, client_id).result()
            assert again == answer.result()
        sent = answer.result()
        assert sent is not None
        assert (sent["message"], sent["client_id"]) == (text, client_id)
        return sent


def heard(device: Device) -> list[str]:
    """Return the ids of the messages that a device has heard of, in the order in which it first did."""
    events = device.heard_so_far()
    assert {event for event, _ in events} == {"message"}
    return list(dict.fromkeys(message["id"] for _, message in events))


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_message_is_there_once(
    driver: str, make_database: Callable[..., str], make_server: Callable[..., Server]
) -> None:
    each_writes = size(25, 200)
    with ExitStack() as stack:
        server = make_server(**stack.enter_context(reached_by(driver, make_database())))
        stack.callback(server.stop)
        api = Api(server)
        users = api.users(*(f"writer {number}" for number in range(WRITERS)), "listener")
        conversation = api.conversation(users[0], *users[1:])
        doors = ("socket", "named", "socket", "unnamed")
        writers = [
            Writer(server, user, conversation, doors[place % len(doors)]) for place, user in enumerate(users[:WRITERS])
        ]
        listeners = [stack.enter_context(Device(server)) for _ in range(3)]
        for device, user in zip(listeners, (users[0], users[-1], users[-1]), strict=True):
            device.join(user)

        with ThreadPoolExecutor(WRITERS) as threads:
            acknowledged = list(threads.map(lambda writer: writer.write(each_writes), writers))

        everything = WRITERS * each_writes
        kept = all_messages(api, conversation)
        assert [message["seq"] for message in kept] == list(range(1, everything + 1))
        assert [message["version"] for message in kept] == list(range(2, everything + 2))
        ids = [message["id"] for message in kept]
        assert len(set(ids)) == everything
        by_id = {message["id"]: message for message in kept}
        for message in (each for sent in acknowledged for each in sent):
            assert by_id.pop(message["id"]) == {name: message[name] for name in MESSAGE}
        assert not by_id

        # Everyone hears of each message in the order of the numbers, and again of one that is sent twice; but a
        # writer's socket not of its own.
        for device in listeners:
            assert heard(device) == ids
        for writer, sent in zip(writers, acknowledged, strict=True):
            own = {message["id"] for message in sent}
            assert heard(writer.device) == [id for id in ids if id not in own]
            writer.device.close()
