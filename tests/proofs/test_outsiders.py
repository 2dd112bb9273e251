"""While members do everything at once, whoever is outside gets nothing, changes nothing, and hears nothing."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Api
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.server import Device, Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 900))]

Json = dict[str, Any]
Call = tuple[str, str, Json]

ROUNDS = size(4, 60)
#: Answers of what a race has made impossible.
TOO_LATE = (200, 403, 404, 409)


@pytest.fixture(params=DRIVERS)
def either_server(
    request: pytest.FixtureRequest, make_database: Callable[..., str], make_server: Callable[..., Server]
) -> Iterator[Server]:
    with reached_by(request.param, make_database()) as backend:
        server = make_server(**backend, SYSTEM_MESSAGES="on")
        yield server
        server.stop()


class Group:
    """Ann, Bob and Cem, who are members; Lea, who has left; Eve, who never was one and has a talk of her own."""

    def __init__(self, server: Server) -> None:
        self.server, self.api = server, Api(server)
        self.ann, self.bob, self.cem, self.lea, self.eve, self.dan = self.api.users(*"abcled")
        self.talk = self.api.conversation(self.ann, self.bob, self.cem, self.lea)
        self.own_talk = self.api.conversation(self.eve, self.dan)
        self.api.send(self.talk, self.lea, "bye")
        self.root = self.api.send(self.talk, self.ann, "root")
        self.send(user_id=self.lea["id"], thread_id=self.root["id"])
        self.api.remove(self.talk, self.lea, self.lea)

    def send(self, **more: Any) -> Json:
        path = f"/conversations/{self.talk['id']}/messages/create"
        return dict(self.api.request("POST", path, {"user_id": self.ann["id"], "message": "hello", **more}))

    def calls(self, talk_id: str, message_id: str) -> list[Call]:
        """Return calls that change something: their method, path and what is sent besides who calls."""
        talk, message, cem = f"/conversations/{talk_id}", f"/messages/{message_id}", self.cem["id"]
        return [
            ("POST", f"{talk}/messages/create", {"message": "hello"}),
            ("POST", f"{talk}/messages/create", {"message": "a reply", "thread_id": message_id}),
            ("POST", f"{talk}/messages/create", {"message": f"@[{cem}]", "reply_to": message_id}),
            ("PATCH", message, {"message": "edited"}),
            ("PUT", f"{message}/reactions/👍", {}),
            ("DELETE", f"{message}/reactions/👍", {}),
            ("PUT", f"{message}/pin", {}),
            ("PUT", f"{message}/thread/follow", {}),
            ("DELETE", message, {}),
            ("PATCH", talk, {"name": "renamed"}),
            ("PATCH", f"{talk}/participants/{cem}", {"custom": {"a": 1}}),
            ("DELETE", f"{talk}/participants/{cem}", {}),
            ("POST", f"{talk}/participants", {"participant_ids": [cem]}),
            ("PATCH", f"{talk}/settings", {"pinned": True}),
            ("PUT", f"{talk}/receipts", {"read_seq": 1}),
            ("POST", f"{talk}/invites", {}),
        ]

    def ask(self, user: Json, method: str, path: str, body: Json) -> tuple[int, str]:
        named = {"user_id": user["id"]}
        if method == "DELETE":
            answer = self.server.request(method, f"{path}?user_id={user['id']}")
        else:
            answer = self.server.request(method, path, {**named, **body})
        return answer.status, answer.json().get("code", "")


def test_outsiders_have_no_part_in_it(either_server: Server) -> None:
    group = Group(either_server)
    outsiders = (group.eve, group.dan, group.lea)
    chance = random.Random(1)
    with (
        Device(either_server) as eve,
        Device(either_server) as dan,
        Device(either_server) as lea,
        Device(either_server) as bob,
        ThreadPoolExecutor(8) as threads,
    ):
        for device, user in zip((eve, dan, lea, bob), (*outsiders, group.bob), strict=True):
            device.join(user)
        for _ in range(ROUNDS):
            message = group.send()
            inside = [(group.ann, *call) for call in group.calls(group.talk["id"], message["id"])]
            foreign = [
                (user, *call)
                for user in (group.eve, group.lea)
                for call in group.calls(group.talk["id"], message["id"])
            ]
            unknown = [(group.ann, *call) for call in group.calls(str(uuid4()), str(uuid4()))]
            asked = [*inside, *foreign, *unknown]
            chance.shuffle(asked)
            answers = list(threads.map(lambda each: group.ask(*each), asked))
            for call, (status, code) in zip(asked, answers, strict=True):
                if call in foreign or call in unknown:
                    assert (status, code.endswith("_not_found")) == (404, True), (call, status, code)
                else:
                    assert status in TOO_LATE, (call, status, code)
        assert eve.heard_so_far() == dan.heard_so_far() == lea.heard_so_far() == []
        heard = bob.heard_so_far()
    ids = {user["id"] for user in outsiders}
    assert {"message", "messageUpdated", "messageDeleted", "conversationUpdated"} <= {event for event, _ in heard}
    for event, data in heard:
        assert data.get("user_id") not in ids, (event, data)
        assert ids.isdisjoint(user["id"] for user in data.get("participants", ())), (event, data)
    versions = {
        version
        for _, data in heard
        if "version" in data
        for version in range(data.get("from_version", data["version"]), data["version"] + 1)
    }
    newest = group.api.conversation_of(group.talk, group.ann)["version"]
    assert versions == set(range(min(versions), newest + 1))  # a refused call takes none, and none goes unheard
