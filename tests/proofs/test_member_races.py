"""Members come, go and hand over at the same moment: in whatever order, the outcome is one that an order explains."""

from collections.abc import Callable
from typing import Any

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.proofs.test_race import at_once
from tests.storage.test_storage import items, make_conversation, make_users

ROUNDS = 12
Sql = Callable[..., list[Any]]


def outcome(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return the work with its error, if it is one of the rules, as a result: its code."""

    def run() -> Any:
        try:
            return work()
        except ChatError as error:
            return error.code

    return run


def race(*works: Callable[[], Any]) -> list[Any]:
    return at_once(*map(outcome, works))


def add(storage: Storage, id: str, by: Caller, *users: Caller) -> Callable[[], Any]:
    draft = {"participant_ids": [user.user_id for user in users]}
    return lambda: storage.add_members(by, id, draft, True)


def remove(storage: Storage, id: str, by: Caller, user: Caller) -> Callable[[], Any]:
    return lambda: storage.remove_member(by, id, user.user_id, True)


def send(storage: Storage, id: str, by: Caller) -> Callable[[], Any]:
    return lambda: storage.send_message(by, id, {"message": "hello"})


def assert_sound(sql: Sql, id: str) -> None:
    """Assert that versions and numbers have no gap, and that the counts and the owner are right."""
    rows = sql(
        """select c.member_count, c.last_seq, c.system_count, c.version, c.owner_user_id in (
                      select user_id from user_conversation where conversation_id = c.id
                  ),
                  (select count(*) from user_conversation where conversation_id = c.id),
                  (select count(*) from messages where conversation_id = c.id),
                  (select count(*) from messages where conversation_id = c.id and type = 'system')
           from conversations as c where c.id = %s""",
        id,
    )
    ((count, last_seq, system_count, _, owner_is_member, members, messages, system),) = rows
    assert (count, last_seq, system_count, owner_is_member) == (members, messages, system, True)
    of_messages = sql("select seq, system_count from messages where conversation_id = %s order by seq", id)
    assert [seq for seq, _ in of_messages] == list(range(1, last_seq + 1))
    negative = sql(
        """select 1 from conversations as c join user_conversation as m on m.conversation_id = c.id
           where c.id = %s and chat_unread_count(c, m) < 0""",
        id,
    )
    assert negative == []


def versions(answers: list[Any]) -> list[int]:
    return sorted(each.result["version"] for each in answers if not isinstance(each, str) and each.announce)


def test_two_who_add_the_same_person_add_them_once(direct: Storage, sql: Sql) -> None:
    ann, bob, cid = make_users(direct, "ann", "bob", "cid")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann, bob)
        direct.update_member(ann, id, bob.user_id, {"role": "admin"})
        answers = race(add(direct, id, ann, cid), add(direct, id, bob, cid), add(direct, id, ann, bob, cid))
        assert sorted(each.announce for each in answers) == [False, False, True]
        assert {each.result["member_count"] for each in answers} == {3}
        assert_sound(sql, id)


def test_adding_and_removing_the_same_person_follow_each_other(direct: Storage, sql: Sql) -> None:
    ann, bob, cid = make_users(direct, "ann", "bob", "cid")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann, bob)
        direct.update_member(ann, id, bob.user_id, {"role": "admin"})
        added, removed = race(add(direct, id, ann, cid), remove(direct, id, bob, cid))
        assert added.announce
        is_member = sql("select 1 from user_conversation where conversation_id = %s and user_id = %s", id, cid.user_id)
        assert (removed == "user_not_found") == (len(is_member) == 1)
        assert_sound(sql, id)


def test_two_who_remove_each_other_do_not_both_go(direct: Storage, sql: Sql) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann, bob)
        gone, left = race(remove(direct, id, ann, bob), remove(direct, id, bob, bob))
        assert (gone == "user_not_found") != (left == "conversation_not_found")
        assert_sound(sql, id)


def test_who_leaves_while_sending_has_sent_before_or_not_at_all(direct: Storage, sql: Sql) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann, bob)
        *sent, left = race(*[send(direct, id, bob)] * 4, remove(direct, id, bob, bob))
        for each in sent:
            assert each == "conversation_not_found" or each.result["version"] < left.result["version"]
        assert_sound(sql, id)


def test_everybody_leaves_at_once_and_nothing_is_left(direct: Storage, sql: Sql) -> None:
    members = make_users(direct, *(f"user {number}" for number in range(6)))
    for _ in range(ROUNDS):
        id = make_conversation(direct, *members)
        answers = race(*(remove(direct, id, each, each) for each in members))
        assert not any(isinstance(each, str) for each in answers)
        assert sql("select 1 from conversations where id = %s", id) == []
        assert sql("select 1 from messages where conversation_id = %s", id) == []


def test_an_owner_who_leaves_while_handing_over_leaves_one_owner(direct: Storage, sql: Sql) -> None:
    ann, bob, cid = make_users(direct, "ann", "bob", "cid")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann, bob, cid)
        given, left, other_left = race(
            lambda id=id: direct.update_member(ann, id, cid.user_id, {"role": "owner"}),
            remove(direct, id, ann, ann),
            remove(direct, id, cid, cid),
        )
        assert not isinstance(left, str)
        assert not isinstance(other_left, str)
        assert given in ("conversation_not_found", "user_not_found") or given.result["role"] == "owner"
        assert sql("select owner_user_id::text from conversations where id = %s", id) == [(bob.user_id,)]
        assert_sound(sql, id)


def test_two_direct_conversations_at_once_are_one(direct: Storage, sql: Sql) -> None:
    for _ in range(ROUNDS):
        ann, bob = make_users(direct, "ann", "bob")
        answers = race(
            *[lambda ann=ann, bob=bob: direct.open_direct_conversation(ann, bob.user_id)] * 3,
            *[lambda ann=ann, bob=bob: direct.open_direct_conversation(bob, ann.user_id)] * 3,
        )
        assert len({each.result["id"] for each in answers}) == 1
        assert sorted(each.announce for each in answers) == [False] * 5 + [True]
        assert len(items(direct.list_conversations(ann, 10, 0))) == 1
    assert sql("select count(*), count(distinct conversation_id) from chat_direct_conversations") == [(ROUNDS, ROUNDS)]


def test_of_those_who_take_the_last_use_of_an_invite_one_gets_in(direct: Storage, sql: Sql) -> None:
    ann, *others = make_users(direct, "ann", *(f"user {number}" for number in range(5)))
    for number in range(ROUNDS):
        id = make_conversation(direct, ann)
        code = f"code {number}"
        direct.create_invite(ann, id, code, {"uses": 2})
        answers = race(*(lambda each=each, code=code: direct.accept_invite(each, code, True) for each in others))
        assert answers.count("invite_not_found") == len(others) - 2
        assert sql("select 1 from chat_invites where code = %s", code) == []
        assert_sound(sql, id)


def test_an_invite_taken_back_while_it_is_accepted_lets_in_before_or_not(direct: Storage, sql: Sql) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    for number in range(ROUNDS):
        id = make_conversation(direct, ann)
        code = f"code {number}"
        direct.create_invite(ann, id, code, {})
        accepted, taken = race(
            lambda code=code: direct.accept_invite(bob, code, True), lambda code=code: direct.delete_invite(ann, code)
        )
        assert taken != "invite_not_found"
        members = sql("select 1 from user_conversation where conversation_id = %s", id)
        assert len(members) == (1 if accepted == "invite_not_found" else 2)
        assert_sound(sql, id)


def test_who_joins_while_it_is_deleted_is_in_it_no_more(direct: Storage, sql: Sql) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    for _ in range(ROUNDS):
        id = make_conversation(direct, ann)
        direct.update_conversation(ann, id, {"visibility": "public"}, True)
        joined, deleted = race(
            lambda id=id: direct.join_conversation(bob, id, True), lambda id=id: direct.delete_conversation(ann, id)
        )
        assert not isinstance(deleted, str)
        told = deleted.events[0]["user_ids"]
        assert (bob.user_id in told) == (joined != "conversation_not_found")
        assert sql("select 1 from user_conversation where conversation_id = %s", id) == []
    assert sql("select 1 from messages") == []


def test_everything_at_once_takes_versions_without_a_gap(direct: Storage, sql: Sql) -> None:
    ann, bob, cid, dan = make_users(direct, "ann", "bob", "cid", "dan")
    for number in range(ROUNDS):
        id = make_conversation(direct, ann, bob, cid)
        answers = race(
            add(direct, id, ann, dan),
            send(direct, id, bob),
            send(direct, id, cid),
            remove(direct, id, ann, cid),
            lambda id=id, number=number: direct.update_conversation(ann, id, {"name": f"name {number}"}, True),
            lambda id=id: direct.update_member(ann, id, bob.user_id, {"role": "admin"}),
            lambda id=id: direct.update_receipt(bob, id, {"read_seq": 1}),
            lambda id=id: direct.update_member_settings(bob, id, {"pinned": True}),
        )
        told = versions(answers[:6]) + [
            event["payload"]["version"]
            for each in answers[:6]
            if not isinstance(each, str)
            for event in each.events or []
            if event["event"] == "message"
        ]
        ((version,),) = sql("select version from conversations where id = %s", id)
        assert sorted(told) == list(range(2, version + 1))
        assert_sound(sql, id)
