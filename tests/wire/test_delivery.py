"""Fan-out to clients that stall, read in pieces, and break off: whoever stays has each message once, in order."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.server import Server
from tests.wire.bytes import CLOSE, Frames

#: Sockets times messages are the deliveries.
SOCKETS = 50
MESSAGES = 200
#: Two megabytes for each socket in all: more than fits into the buffers of a client that stalls.
TEXT = "x" * 9_000


def joined(server: Server, user: dict[str, Any], receive_buffer: int = 4096) -> Frames:
    frames = Frames(server, receive_buffer=receive_buffer)
    assert frames.call("join", {"id": user["id"]})["user"]["id"] == user["id"]
    return frames


def seqs(frames: Frames, last: int, random_of: random.Random | None = None, cut_at: int = 0) -> list[int]:
    """Read messages up to the last, stalling now and then; break off at `cut_at`; stop when the server closes."""
    heard: list[int] = []
    while not heard or heard[-1] < last:
        if random_of and random_of.random() < 0.03:
            time.sleep(random_of.random() * 0.3)
        opcode, payload = frames.next()
        if opcode == CLOSE:
            break
        if payload.startswith(b'42["message"'):
            heard.append(json.loads(payload[2:])[1]["seq"])
        if cut_at and len(heard) >= cut_at:
            frames.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            frames.socket.close()
            break
    return heard


@pytest.mark.parametrize("seed", [1, 2])
def test_each_client_that_stays_has_each_message_once(make_server: Callable[..., Server], seed: int) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="100", MAX_QUEUED_BYTES="10000000")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    chance = random.Random(seed)
    stays = [joined(server, bob) for _ in range(SOCKETS)]
    goes = {joined(server, bob): chance.randint(1, MESSAGES) for _ in range(10)}
    heard: dict[Frames, list[int]] = {}

    def listen(frames: Frames, seed: int) -> None:
        heard[frames] = seqs(frames, MESSAGES, random.Random(seed), goes.get(frames, 0))

    threads = [threading.Thread(target=listen, args=(each, seed * 100 + n)) for n, each in enumerate([*stays, *goes])]
    for thread in threads:
        thread.start()
    for _ in range(MESSAGES):
        api.send(conversation, ann, TEXT)
    for thread in threads:
        thread.join()
    everything = list(range(1, MESSAGES + 1))
    for each in stays:
        assert heard[each] == everything
        each.echo()
        each.socket.close()
    for each, cut_at in goes.items():
        assert heard[each] == everything[:cut_at]
    assert "Traceback" not in server.log.read_text()


def test_a_client_that_does_not_read_is_closed_and_the_others_hear_everything(server: Server) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    messages = 900  # eight megabytes: more than all buffers between the two
    with joined(server, bob) as stalled, joined(server, bob, 1 << 20) as reader:
        heard: list[int] = []
        thread = threading.Thread(target=lambda: heard.extend(seqs(reader, messages)))
        thread.start()
        for _ in range(messages):
            api.send(conversation, ann, TEXT)
        thread.join()
        assert heard == list(range(1, messages + 1))
        got: list[int] = []
        while (received := stalled.next())[0] != CLOSE:
            if received[1].startswith(b'42["message"'):
                got.append(json.loads(received[1][2:])[1]["seq"])
        assert got == list(range(1, len(got) + 1))
        assert len(got) < messages
        assert received[1] in (b"", (1008).to_bytes(2, "big"))  # nothing when it woke too late to be told
        reader.echo()
    assert "Traceback" not in server.log.read_text()


def test_sockets_that_close_while_a_message_goes_out(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="300")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    with joined(server, bob) as stays:
        for round_ in range(10):
            others = [joined(server, bob) for _ in range(25)]
            close = threading.Thread(target=lambda others=others: [each.socket.close() for each in others])
            close.start()
            sent = api.send(conversation, ann)
            close.join()
            assert json.loads(stays.message()[2:])[1]["id"] == sent["id"], round_
    assert "Traceback" not in server.log.read_text()


def test_a_client_that_answers_pings_and_does_not_read_is_forgotten_at_once(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="1", MAX_QUEUED_BYTES="100000")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    with joined(server, bob) as stalled:
        for _ in range(700):  # six megabytes: more than all buffers between the two
            api.send(conversation, ann, TEXT)
            with suppress(OSError):
                stalled.frame(b"3")
        with joined(server, bob) as back:  # the session of the one that was closed does not count any longer
            sent = api.send(conversation, ann)
            assert json.loads(back.message()[2:])[1]["id"] == sent["id"]
    assert "Traceback" not in server.log.read_text()
