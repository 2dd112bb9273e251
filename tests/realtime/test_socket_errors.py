"""What makes no sense on a socket: an event gets an error, anything else ends at most its own connection."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.raw import RawPolling, RawWebSocket
from tests.support.server import Device, Server

ID = "00000000-0000-4000-8000-000000000000"
DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "1" * 10_000
#: The fields of each event, with an example that is right.
FIELDS: dict[str, dict[str, Any]] = {
    "join": {"id": ID, "since": {ID: 1}, "limit": 50},
    "sendMessage": {"conversation_id": ID, "message": "hello", "client_id": "c-1"},
    "receipt": {"conversation_id": ID, "read_seq": 1, "delivered_seq": 1},
}


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The server, which another client is connected to, and which the test must leave as if nothing had happened."""
    log_before = shared_server.log.read_text()
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    with Device(shared_server) as bystander:
        bystander.join(bob)
        conversation = api.conversation(ann, bob)
        yield shared_server
        sent = api.send(conversation, ann)
        assert bystander.heard_so_far() == [("newConversation", conversation), ("message", sent)]
    assert shared_server.log.read_text() == log_before


@pytest.fixture
def raw(server: Server) -> Iterator[RawWebSocket]:
    """A WebSocket connected to the default namespace, belonging to a user."""
    with RawWebSocket(server) as connection:
        assert "user" in connection.call("join", {"id": Api(server).user()["id"]})
        yield connection


def expect_error(answer: Any, status: int, code: str, *fields: str) -> None:
    error = answer["error"]
    assert error.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert (error["status"], error["code"]) == (status, code)
    assert set(error.get("errors", {})) == set(fields)


# events with a payload that cannot be taken


@pytest.mark.parametrize("event", FIELDS)
@pytest.mark.parametrize(
    "arguments",
    [[], [None], [[]], [["a", "b"]], ["text"], [7], [True], [{"id": ID}, {"id": ID}], [{"id": ID}, None]],
    ids=json.dumps,
)
def test_payload_must_be_one_object(raw: RawWebSocket, event: str, arguments: list[Any]) -> None:
    expect_error(raw.call(event, *arguments), 422, "validation_failed", "_schema")


WRONG: dict[str, list[Any]] = {
    "id": [None, "", " ", 7, True, [], {}, [ID], "no uuid", ID + "0", "\0", "\ud800", "x" * 100_000],
    "since": [None, "", 7, [], [ID], {"no uuid": 1}, {ID: None}, {ID: "x"}, {ID: -1}, {ID: 2**53}, {ID: 1.5}],
    "limit": [None, "", 0, 201, -1, 1.5, "x", [], {}, 10**50],
    "message": [None, "", " \n\t ", 7, True, [], {}, "x" * 10_001, "a\0b", "\ud83d", "a\udc00b"],
    "client_id": ["", " ", 7, [], {}, "x" * 65, "a\0b", "\ud83d"],
    "read_seq": ["", -1, 1.5, "x", [], {}, 2**53, 10**50],
}
WRONG["conversation_id"] = WRONG["id"]
WRONG["delivered_seq"] = WRONG["read_seq"]
WRONG_FIELDS = [(event, field, wrong) for event in FIELDS for field in FIELDS[event] for wrong in WRONG[field]]


@pytest.mark.parametrize(("event", "field", "wrong"), WRONG_FIELDS, ids=lambda value: repr(value)[:20])
def test_each_field_is_checked(raw: RawWebSocket, event: str, field: str, wrong: Any) -> None:
    error = raw.call(event, {**FIELDS[event], field: wrong})["error"]
    assert (error["status"], error["code"]) == (422, "validation_failed")
    assert {name.split(".")[0] for name in error["errors"]} == {field}


@pytest.mark.parametrize(
    ("event", "field"),
    [("join", "id"), ("sendMessage", "conversation_id"), ("sendMessage", "message"), ("receipt", "conversation_id")],
)
def test_missing_field_is_named(server: Server, event: str, field: str) -> None:
    payload = {name: value for name, value in FIELDS[event].items() if name != field}
    with RawWebSocket(server) as raw:
        expect_error(raw.call(event, payload), 422, "validation_failed", field)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e400", "-0.0001"])
def test_numbers_that_json_does_not_have(raw: RawWebSocket, number: str) -> None:
    answer = raw.call_text(f'["receipt",{{"conversation_id":"{ID}","read_seq":{number}}}]')
    expect_error(answer, 422, "validation_failed", "read_seq")


def test_fields_nobody_knows_are_ignored(raw: RawWebSocket) -> None:
    payload = {**FIELDS["sendMessage"], "colour": "red", "nested": {"a": [1, {"b": None}]}}
    expect_error(raw.call("sendMessage", payload), 404, "conversation_not_found")


@pytest.mark.parametrize("place", ['{"_placeholder":true,"num":0}', '{"id":{"_placeholder":true,"num":0}}'])
def test_binary_data_is_no_payload(raw: RawWebSocket, place: str) -> None:
    raw.send(f'451-7["join",{place}]')
    raw.send(b"\x00\xff")
    answer = raw.receive()
    assert answer is not None
    expect_error(json.loads(answer[3:])[0], 422, "validation_failed", "id" if '"id"' in place else "_schema")


# events that do not exist


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "", "message", "Join", "connect", "disconnect", "__class__", "spend", "\ud800", "x" * 100_000),
        *(7, None, True, [], ["join"], {"a": 1}),
    ],
    ids=lambda name: repr(name)[:20],
)
@pytest.mark.parametrize("arguments", [[], [{}], [{}, {"token": "x"}]], ids=json.dumps)
def test_unknown_event_is_told_so_and_changes_nothing(raw: RawWebSocket, name: Any, arguments: list[Any]) -> None:
    expect_error(raw.call(name, *arguments), 404, "event_not_found")
    # It is still this user's session.
    expect_error(raw.call("sendMessage", FIELDS["sendMessage"]), 404, "conversation_not_found")


# packets that are none

NONSENSE = {
    "empty": "",
    "no number": "x",
    "no such packet": "9",
    "a ping, which only servers send": "2",
    "an opening, which only servers send": "0",
    "no base64": "bA",
    "message without content": "4",
    "no Socket.IO packet": "4x",
    "no such Socket.IO packet": "49",
    "a refusal, which only servers send": "44{}",
    "event without content": "42",
    "no JSON": '42["join",{',
    "event that is an object": "427{}",
    "event that is a number": "42-5",
    "event without a name": "427[]",
    "nested too deep": f'427["join",{DEEP}]',
    "nested too deep outside": f"4{DEEP}",
    "number too long": f'427["receipt",{{"conversation_id":"{ID}","read_seq":{DIGITS}}}]',
    "id too long": f'42{DIGITS}["join"]',
    "acknowledgement of nothing": "437",
    "acknowledgement that is an object": "437{}",
    "number of attachments too long": '4599999999999-7["join",{}]',
    "too many attachments": '45999999-7["join",{}]',
    "no attachments": '457["join",{}]',
}


@pytest.mark.parametrize("packet", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_ends_its_websocket(raw: RawWebSocket, packet: str) -> None:
    raw.send(packet)
    assert raw.is_closed()


@pytest.mark.parametrize("packet", [packet for packet in NONSENSE.values() if packet], ids=list(NONSENSE)[1:])
def test_nonsense_ends_its_long_polling(server: Server, packet: str) -> None:
    polling = RawPolling(server)
    assert polling.post(packet.encode()).status == 400
    assert polling.get().status == 400  # there is no such connection any longer


@pytest.mark.parametrize("packet", [b"", b"\xff\x00", b'2["join"]', b"x" * 2**20], ids=lambda packet: repr(packet)[:20])
def test_binary_frame_that_nobody_announced(raw: RawWebSocket, packet: bytes) -> None:
    raw.send(packet)
    assert raw.is_closed()


def test_placeholder_without_its_attachment(raw: RawWebSocket) -> None:
    raw.send('451-7["join",{"_placeholder":true,"num":5}]')
    raw.send(b"\x00")
    assert raw.is_closed()


@pytest.mark.parametrize("packet", ["x" * (2**20 + 1), '42["join","' + "x" * 2**21 + '"]'], ids=["just", "far"])
def test_packet_over_one_mebibyte_ends_its_websocket(raw: RawWebSocket, packet: str) -> None:
    try:
        raw.send(packet)
    except ConnectionError:  # closed before everything was sent
        return
    assert raw.is_closed()


def test_message_in_fragments_is_one_message(raw: RawWebSocket) -> None:
    raw.send_fragments("42", '7["nothing', '", ', last="{}]")
    assert "event_not_found" in (raw.receive() or "")


def test_fragments_are_bounded_together(raw: RawWebSocket) -> None:
    with suppress(ConnectionError):  # closed while it still sends
        raw.send_fragments("42", *["x" * 100_000] * 20, last="x")
    assert raw.is_closed()


def test_large_packet_within_the_limit_is_answered(raw: RawWebSocket) -> None:
    payload = {**FIELDS["sendMessage"], "message": "x" * 1_000_000}
    expect_error(raw.call("sendMessage", payload), 422, "validation_failed", "message")


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"\x1e\x1e", b"\x1e".join([b'42["x"]'] * 17), b"d=", b"4" * (2**20 + 1)],
    ids=["no UTF-8", "no packets", "too many packets", "no JSONP", "over the limit"],
)
def test_body_that_cannot_be_read_ends_its_long_polling(server: Server, body: bytes) -> None:
    polling = RawPolling(server)
    assert polling.post(body).status == 400
    assert polling.get().status == 400


# what comes before an event


@pytest.mark.parametrize(
    "packet", ['427["join",{}]', "41", "437[]", '451-7["join",{}]', "40/admin,", '427/admin,["x"]']
)
def test_packets_before_the_connection_to_the_namespace(server: Server, packet: str) -> None:
    with RawWebSocket(server, connected=False) as raw:
        raw.send(packet)
    with RawWebSocket(server) as raw:
        expect_error(raw.call("nothing"), 404, "event_not_found")


@pytest.mark.parametrize("auth", ["[]", "7", '"text"', "null", "{}", '{"token":""}', '{"token":null}'])
def test_handshake_without_a_token_is_accepted_in_open_mode(server: Server, auth: str) -> None:
    with RawWebSocket(server, connected=False) as raw:
        raw.send("40" + auth)
        assert (raw.receive() or "").startswith('40{"sid"')


@pytest.mark.parametrize("token", ['"x"', "7", "[1]", '{"a":1}', '"' + "x" * 100_000 + '"'], ids=lambda t: t[:20])
def test_handshake_with_nonsense_for_a_token_is_refused(server: Server, token: str) -> None:
    with RawWebSocket(server, connected=False) as raw:
        raw.send(f'40{{"token":{token}}}')
        packet = raw.receive() or ""
        assert packet.startswith("44")
        refusal = json.loads(packet[2:])
        assert refusal["message"] == refusal["data"]["code"] == "token_invalid"


def test_connecting_twice_is_refused_and_the_first_connection_stays(raw: RawWebSocket) -> None:
    raw.send("40")
    assert (raw.receive() or "").startswith("44")
    expect_error(raw.call("sendMessage", FIELDS["sendMessage"]), 404, "conversation_not_found")
