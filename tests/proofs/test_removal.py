"""A member who is removed while others write hears nothing of what comes after; the others hear everything."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.proofs import HttpWriter, SocketWriter, size
from tests.support.server import Device, Server
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 1800))]


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


def heard(device: Device) -> list[tuple[str, int, str]]:
    """Return the events that the device has heard: their names, versions and the ids of messages."""
    return [(event, data["version"], data.get("id", "")) for event, data in device.heard_so_far()]


def messages(events: list[tuple[str, int, str]]) -> dict[int, str]:
    """Return the messages of people among events, by version."""
    return {version: id for event, version, id in events if event == "message"}


@pytest.mark.parametrize("by", ["owner", "self"])
def test_who_was_removed_hears_nothing_afterwards(
    make_server: Callable[..., Server], make_database: Callable[..., str], connect: Callable[..., Device], by: str
) -> None:
    url = make_database()
    servers = [make_server(DATABASE_URL=url, SYSTEM_MESSAGES="off") for _ in range(2)]
    for _ in range(size(3, 50)):
        group = Group(servers, connect)
        removed_at = race(group, servers[0], group.stays if by == "owner" else group.goes)
        for number, ((stays, goes), sent) in enumerate(zip(group.devices, group.sent, strict=True)):
            stays_heard, goes_heard = heard(stays), heard(goes)
            assert messages(stays_heard) == sent
            assert messages(goes_heard)
            assert max(messages(goes_heard)) < removed_at < max(sent)
            assert messages(goes_heard).items() <= sent.items()
            if number == 0:  # where the removal was asked for
                assert goes_heard[-1][:2] == ("removedFromConversation", removed_at)
                assert [each[1] for each in stays_heard if each[0] == "conversationUpdated"] == [removed_at]
                versions = [version for _, version, _ in stays_heard]
                assert versions == sorted(versions)
            stays.close()
            goes.close()


def race(group: Group, server: Server, by: dict[str, Any]) -> int:
    """Let everybody write while one is removed, or leaves, and return the version of that."""
    over = threading.Event()
    with ThreadPoolExecutor(len(group.writers)) as threads:
        writing = [threads.submit(group.write_until, over.is_set, number) for number in range(len(group.writers))]
        try:
            wait_until(lambda: all(len(sent) > 5 for sent in group.sent), *writing)
            removed = Api(server).remove(group.opened, by, group.goes)
            before = [len(sent) for sent in group.sent]
            wait_until(lambda: all(len(s) > b + 5 for s, b in zip(group.sent, before, strict=True)), *writing)
        finally:
            over.set()
        for each in writing:
            each.result()
    return int(removed["version"])
