"""A member who is removed while others write hears nothing of what comes after; the others hear everything."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.proofs import HttpWriter, SocketWriter, size
from tests.support.server import Device, Server
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 1800))]

#: As every change of the members is made: under the conversation's lock, with a version of its own.
REMOVE = """
    create function remove_member(p_conversation_id uuid, p_user_id uuid) returns bigint language plpgsql as $$
    begin
        perform chat_lock_conversation(p_conversation_id, p_user_id);
        delete from user_conversation where conversation_id = p_conversation_id and user_id = p_user_id;
        return (chat_next_version(p_conversation_id, 0, true)).version;
    end $$
"""


class Group:
    """A conversation that people write in on two servers, with a device of one who stays and one who goes on each."""

    def __init__(self, servers: list[Server], connect: Callable[..., Device]) -> None:
        api = Api(servers[0])
        self.stays, self.goes, *self.writers = api.users("stays", "goes", "http 1", "socket 1", "http 2", "socket 2")
        self.opened = api.conversation(self.stays, self.goes, *self.writers)
        self.devices = [(connect(server, self.stays), connect(server, self.goes)) for server in servers]
        self.sent: list[dict[int, str]] = [{} for _ in servers]
        self._writing = [
            writer(servers[number // 2], user, self.opened)
            for number, (writer, user) in enumerate(
                zip([HttpWriter, SocketWriter, HttpWriter, SocketWriter], self.writers, strict=True)
            )
        ]

    def write_until(self, is_over: Callable[[], bool], number: int) -> None:
        writer = self._writing[number]
        while not is_over():
            sent = writer.write("hello")
            self.sent[number // 2][sent["version"]] = sent["id"]
        writer.close()

    @property
    def count(self) -> int:
        return sum(len(each) for each in self.sent)


def heard(device: Device) -> dict[int, str]:
    """Return the messages that the device has heard of, by version."""
    return {data["version"]: data["id"] for event, data in device.heard_so_far() if event == "message"}


def test_who_was_removed_hears_nothing_afterwards(
    make_server: Callable[..., Server], make_database: Callable[..., str], connect: Callable[..., Device]
) -> None:
    url = make_database()
    servers = [make_server(DATABASE_URL=url) for _ in range(2)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(REMOVE)
        for _ in range(size(6, 100)):
            group = Group(servers, connect)
            removed_at = race(group, connection)
            for (stays, goes), sent in zip(group.devices, group.sent, strict=True):
                assert heard(stays) == sent
                heard_by_the_removed = heard(goes)
                assert heard_by_the_removed
                assert max(heard_by_the_removed) < removed_at < max(sent)
                assert heard_by_the_removed.items() <= sent.items()
                stays.close()
                goes.close()


def race(group: Group, connection: psycopg.Connection[Any]) -> int:
    """Let everybody write while one is removed, and return the version of the removal."""
    over = threading.Event()
    with ThreadPoolExecutor(len(group.writers)) as threads:
        writing = [threads.submit(group.write_until, over.is_set, number) for number in range(len(group.writers))]
        try:
            wait_until(lambda: all(len(sent) > 5 for sent in group.sent), *writing)
            row = connection.execute("select remove_member(%s, %s)", (group.opened["id"], group.goes["id"])).fetchone()
            assert row is not None
            before = [len(sent) for sent in group.sent]
            wait_until(lambda: all(len(s) > b + 5 for s, b in zip(group.sent, before, strict=True)), *writing)
        finally:
            over.set()
        for each in writing:
            each.result()
    return int(row[0])
