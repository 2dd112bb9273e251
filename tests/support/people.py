"""The state-equivalence machine: people with several devices each, of which some are away, do what people do.

`People` write, read, leave and come back; `EditRules` and `MemberRules` add what else they do. At any time, and at the
end, every device must come to show what a fresh one shows.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import differences, fresh
from tests.support.known import Json
from tests.support.proofs import SOAK, size
from tests.support.server import Server

PHONES = st.runner().flatmap(lambda people: st.sampled_from(people.phones))
USERS = st.runner().flatmap(lambda people: st.sampled_from(people.users))
WHICH = st.integers(0, 9)
DOORS = st.sampled_from(["socket", "named", "unnamed"])
NAMED = st.sampled_from(["named", "unnamed"])
POINTERS = st.sampled_from([["delivered_seq"], ["read_seq"], ["delivered_seq", "read_seq"], ["unread_from"]])
TEXTS = st.sampled_from(["hi", "🙂", "שלום", "two\nlines", 'o\'clock \\ "quoted"'])
EMOJI = st.sampled_from("👍👎🎉")
PUT_OR_DELETE = st.sampled_from(["PUT", "DELETE"])
EDITS = st.sampled_from(
    [
        {"message": "edited"},
        {"message": "x" * 300},
        {"custom": {"a": 1}},
        {"custom": {"a": None}},
        {"mentions": []},
        {"attachments": []},
    ]
)
CHANGES = st.sampled_from(
    [
        {"name": "one"},
        {"name": "two", "frozen": True},
        {"frozen": False},
        {"description": "d", "custom": {"a": 1}},
        {"history": "since_joined"},
        {"history": "all"},
        {},
    ]
)
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
PROFILES = st.sampled_from(
    [{"username": "zoe"}, {"username": "abe", "avatar_url": "https://example.com/a.png"}, {"avatar_url": None}]
)
MOST_PHONES = 5
MOST_CONVERSATIONS = 4


class People(RuleBasedStateMachine):
    """Three users and their phones."""

    #: Seconds in which what is held back, and what is scheduled, has arrived.
    patience: float = 8

    def __init__(self, server: Server, phone: type[Phone]) -> None:
        super().__init__()
        self.server = server
        self.api = Api(server)
        self.phone = phone
        self.phones: list[Phone] = []
        self.opened = 0
        self.marked_unread: set[tuple[str, str]] = set()  # which others are not told

    @initialize(page=st.sampled_from([3, 50]))
    def sign_up(self, page: int) -> None:
        self.new_phone = lambda user: self.phone(self.server, user, page)
        self.users = self.api.users("ann", "bob", "cem")
        ann, bob, _ = self.users
        self.phones = [self.new_phone(user) for user in (*self.users, ann)]
        self.phones[0].open(bob)

    @rule(phone=PHONES, others=st.lists(USERS, max_size=3))
    def open_conversation(self, phone: Phone, others: list[Json]) -> None:
        if phone.socket and self.opened < MOST_CONVERSATIONS:
            self.opened += 1
            phone.open(*others)

    @rule(phone=PHONES, which=WHICH, text=TEXTS, door=DOORS, loses_answer=st.booleans())
    def write(self, phone: Phone, which: int, text: str, door: str, loses_answer: bool) -> None:
        if id := conversation_of(phone, which):
            phone.write(id, text)
            if phone.socket:
                phone.send(self.possible(door, phone), loses_answer)

    @rule(phone=PHONES, which=WHICH, short_of=st.integers(-2, 4), pointers=POINTERS, door=DOORS)
    def read(self, phone: Phone, which: int, short_of: int, pointers: list[str], door: str) -> None:
        if not phone.socket:
            return
        phone.catch_up()
        if id := conversation_of(phone, which):
            seq = max(0, phone.conversations[id].last_seq - short_of)
            if "unread_from" in pointers:
                self.marked_unread.add((id, phone.me))
            for pointer in pointers:
                phone.read(id, self.possible(door, phone), **{pointer: seq})

    @rule(which=WHICH, text=TEXTS)
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
    def buy_a_phone(self, user: Json) -> None:
        if len(self.phones) < MOST_PHONES:
            self.phones.append(self.new_phone(user))

    @rule()
    def look(self) -> None:
        online = [phone for phone in self.phones if phone.socket]
        for phone in online:
            phone.send()
        self.wait_for_scheduled()
        for phone in online:
            phone.catch_up()
        for phone in online:
            self.shows_the_same(phone)

    def wait_for_scheduled(self) -> None:
        """Wait until what was to be sent later has been sent, or has failed: it would come between two reads."""
        deadline = time.monotonic() + self.patience
        for user in self.users:
            while waiting := [
                each for each in self.api.request("GET", f"/scheduled?user_id={user['id']}") if not each["failed"]
            ]:
                assert time.monotonic() < deadline, waiting
                time.sleep(0.05)

    def shows_the_same(self, phone: Phone) -> None:
        """Assert that the phone comes to show what a fresh one shows, once what is held back has arrived."""
        deadline = time.monotonic() + self.patience
        while True:
            first_seqs = {id: each.first_seq for id, each in phone.conversations.items()}
            failed = {each["id"] for each in phone.scheduled() if each["failed"]} - phone.failed
            shown, expected = (
                self.as_told(phone, state) for state in (phone.shown(), fresh(self.api, phone.me, first_seqs))
            )
            if shown == expected and not failed:
                return
            wrong = [*differences(shown, expected), *failed]
            assert time.monotonic() < deadline, "it shows something else:\n" + "\n".join(map(str, wrong))
            time.sleep(0.1)
            phone.catch_up()

    def as_told(self, phone: Phone, state: dict[str, Json]) -> dict[str, Json]:
        """Return a state without what nobody is told: others' marks, and names in the English of system messages."""
        told = {}
        for id, each in state.items():
            pointers = {
                user_id: moved
                for user_id, moved in each["pointers"].items()
                if user_id == phone.me or (id, user_id) not in self.marked_unread
            }
            messages = [
                message | ({"message": ""} if message["type"] == "system" else {})
                for message in each.get("messages", [])
            ]
            told[id] = each | {"pointers": pointers, "messages": messages}
        return told

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


class EditRules:
    """What people do with messages that are there."""

    users: list[Json]
    api: Api
    possible: Callable[[str, Phone], str]

    def chosen(self, phone: Phone, which: int, where: int, **wanted: Any) -> Json | None:
        """Return a message that the phone shows as alive and that is like this, None for none."""
        if not phone.socket:
            return None
        if not (id := conversation_of(phone, where)):
            return None
        messages = [
            each
            for each in phone.conversations[id].messages.values()
            if not each["deleted_at"] and all(each[name] == value for name, value in {"type": "text", **wanted}.items())
        ]
        return messages[which % len(messages)] if messages else None

    @rule(phone=PHONES, which=WHICH, where=WHICH, change=EDITS, door=NAMED)
    def edit(self, phone: Phone, which: int, where: int, change: Json, door: str) -> None:
        if message := self.chosen(phone, which, where, user_id=phone.me):
            phone.change("messageUpdated", "PATCH", f"/messages/{message['id']}", door, **change)

    @rule(phone=PHONES, which=WHICH, where=WHICH, door=NAMED)
    def delete(self, phone: Phone, which: int, where: int, door: str) -> None:
        if message := self.chosen(phone, which, where):
            phone.change("messageDeleted", "DELETE", f"/messages/{message['id']}", door)

    @rule(phone=PHONES, which=WHICH, where=WHICH, emoji=EMOJI, method=PUT_OR_DELETE, door=NAMED)
    def react(self, phone: Phone, which: int, where: int, emoji: str, method: str, door: str) -> None:
        if message := self.chosen(phone, which, where):
            phone.change("messageUpdated", method, f"/messages/{message['id']}/reactions/{emoji}", door)

    @rule(phone=PHONES, which=WHICH, where=WHICH, method=PUT_OR_DELETE, door=NAMED)
    def pin(self, phone: Phone, which: int, where: int, method: str, door: str) -> None:
        if message := self.chosen(phone, which, where):
            phone.change("messageUpdated", method, f"/messages/{message['id']}/pin", door)

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
        self, phone: Phone, which: int, where: int, text: str, how: list[str], door: str, loses_answer: bool
    ) -> None:
        if message := self.chosen(phone, which, where):
            phone.write(message["conversation_id"], text, **dict.fromkeys(how, message["id"]))
            phone.send(door, loses_answer)

    @rule(phone=PHONES, where=WHICH, user=USERS, is_listed=st.booleans(), has_file=st.booleans())
    def mention(self, phone: Phone, where: int, user: Json, is_listed: bool, has_file: bool) -> None:
        if phone.socket and (id := conversation_of(phone, where)):
            more: Json = {"mentions": [user["id"]]} if is_listed else {}
            if has_file:
                more["attachments"] = [phone.upload()]
            phone.write(id, "hi" if is_listed else f"hi @[{user['id']}]", **more)
            phone.send()

    @rule(phone=PHONES, where=WHICH, text=TEXTS, milliseconds=st.integers(100, 900), change=st.integers(0, 3))
    def schedule(self, phone: Phone, where: int, text: str, milliseconds: int, change: int) -> None:
        """Write something to be sent soon, and perhaps change it or take it back."""
        if not phone.socket or not (id := conversation_of(phone, where)):
            return
        at = datetime.now(UTC) + timedelta(milliseconds=milliseconds)
        path = f"/conversations/{id}/messages/create"
        answer = phone.try_to("POST", path, message=text, send_at=at.isoformat())
        if answer and change < 2:
            path = f"/scheduled/{answer['scheduled']['id']}"
            phone.try_to("DELETE" if change else "PATCH", path, message="changed")

    @rule(phone=PHONES, which=WHICH, where=WHICH)
    def all_react_at_once(self, phone: Phone, which: int, where: int) -> None:
        """More than ten in a second: a burst."""
        if message := self.chosen(phone, which, where):
            path = f"/messages/{message['id']}/reactions"
            calls = [
                (user["id"], f"{path}/{emoji}", method)
                for method in ("PUT", "DELETE")
                for emoji in "👍👎🎉"
                for user in self.users
            ]

            def call(user_id: str, path: str, method: str) -> None:
                query = f"?user_id={user_id}" if method == "DELETE" else ""
                body = None if method == "DELETE" else {"user_id": user_id}
                assert phone.server.request(method, path + query, body).status in (200, 403, 404)

            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda each: call(*each), calls))


class MemberRules:
    """What people do with members, roles, names, settings and themselves."""

    def where(self, phone: Phone, which: int) -> str:
        """Return a conversation that the phone knows, empty when it is away or knows none."""
        return conversation_of(phone, which) if phone.socket else ""

    @rule(phone=PHONES, which=WHICH, user=USERS, history=st.sampled_from(["all", "now", 2, None]))
    def add(self, phone: Phone, which: int, user: Json, history: Any) -> None:
        if id := self.where(phone, which):
            more = {} if history is None else {"history_from": history}
            path = f"/conversations/{id}/participants"
            phone.change("conversationUpdated", "POST", path, participant_ids=[user["id"]], **more)

    @rule(phone=PHONES, which=WHICH, user=USERS)
    def remove(self, phone: Phone, which: int, user: Json) -> None:
        if id := self.where(phone, which):
            phone.change_participant("DELETE", id, user["id"])

    @rule(phone=PHONES, which=WHICH)
    def go(self, phone: Phone, which: int) -> None:
        if id := self.where(phone, which):
            phone.change_participant("DELETE", id, phone.me)

    @rule(phone=PHONES, which=WHICH, user=USERS, role=st.sampled_from(["owner", "admin", "member"]))
    def give_role(self, phone: Phone, which: int, user: Json, role: str) -> None:
        if id := self.where(phone, which):
            phone.change_participant("PATCH", id, user["id"], role=role)

    @rule(phone=PHONES, which=WHICH, changes=CHANGES)
    def change_conversation(self, phone: Phone, which: int, changes: Json) -> None:
        if id := self.where(phone, which):
            phone.change("conversationUpdated", "PATCH", f"/conversations/{id}", **changes)

    @rule(phone=PHONES, owner=PHONES, which=WHICH)
    def join(self, phone: Phone, owner: Phone, which: int) -> None:
        """Make one public that another phone knows, if its user may, and enter it."""
        if phone.socket and (id := self.where(owner, which)):
            owner.change("conversationUpdated", "PATCH", f"/conversations/{id}", visibility="public")
            phone.change("newConversation", "POST", f"/conversations/{id}/join")

    @rule(phone=PHONES, owner=PHONES, which=WHICH)
    def accept_invite(self, phone: Phone, owner: Phone, which: int) -> None:
        if phone.socket and (id := self.where(owner, which)):
            invite = owner.try_to("POST", f"/conversations/{id}/invites", uses=1)
            if invite:
                phone.change("newConversation", "POST", f"/invites/{invite['code']}")

    @rule(phone=PHONES, which=WHICH)
    def delete_conversation(self, phone: Phone, which: int) -> None:
        if which < 1 and (id := self.where(phone, which)):
            phone.change("conversationDeleted", "DELETE", f"/conversations/{id}")

    @rule(phone=PHONES, which=WHICH, settings=SETTINGS)
    def set(self, phone: Phone, which: int, settings: Json) -> None:
        if id := self.where(phone, which):
            phone.change("conversationSettings", "PATCH", f"/conversations/{id}/settings", **settings)

    @rule(phone=PHONES, other=USERS)
    def open_direct(self, phone: Phone, other: Json) -> None:
        if phone.socket and other["id"] != phone.me:
            phone.change("newConversation", "POST", "/conversations/direct", other_user_id=other["id"])

    @rule(phone=PHONES, other=USERS, method=st.sampled_from(["PUT", "DELETE", "DELETE"]))
    def block(self, phone: Phone, other: Json, method: str) -> None:
        if other["id"] != phone.me:
            phone.try_to(method, f"/users/{other['id']}/block")

    @rule(phone=PHONES, changes=PROFILES, door=NAMED)
    def change_profile(self, phone: Phone, changes: Json, door: str) -> None:
        if phone.socket:
            phone.change("userUpdated", "PATCH", f"/users/{phone.me}", door, **changes)


def run(people: Callable[[], People], examples: int, is_random: bool = SOAK) -> None:
    """Let people do random things: the same in every run, or others in each, where a failure is then made small."""
    run_state_machine_as_test(
        people,
        settings=settings(
            max_examples=examples,
            stateful_step_count=size(40, 80),
            derandomize=not is_random,
            phases=[Phase.generate, Phase.shrink] if is_random else [Phase.generate],
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
