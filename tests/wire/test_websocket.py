"""WebSockets as bytes: framing, control frames, fragments, UTF-8, closing and limits, as RFC 6455 has them."""

import os
import struct
from base64 import b64encode

import pytest

from tests.support.server import Server
from tests.wire.bytes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, UPGRADE, Frames, Wire, frame

KEY = b64encode(b"0123456789abcdef").decode()
EVENT = b'427["nothing"]'
MEBIBYTE = 1 << 20


@pytest.fixture
def server(shared_server: Server) -> Server:
    return shared_server


# the handshake


def test_the_handshake_of_the_rfc(server: Server) -> None:
    with Wire(server) as wire:
        wire.send(UPGRADE.format(version=13, key="dGhlIHNhbXBsZSBub25jZQ==").encode())
        status, headers, _ = wire.answer()
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_no_extension_is_agreed_on(server: Server) -> None:
    with Wire(server) as wire:
        offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        wire.send(UPGRADE.format(version=13, key=KEY).replace("\r\n\r\n", "\r\n" + offer).encode())
        status, headers, _ = wire.answer()
        assert status == 101
        assert not headers.keys() & {"sec-websocket-extensions", "sec-websocket-protocol"}


@pytest.mark.parametrize(
    ("version", "key", "expected"),
    [("8", KEY, 426), ("0", KEY, 426), ("", KEY, 426), ("x", KEY, 426), ("14", KEY, 426), ("13, 8", KEY, 426)]
    + [("13", key, 400) for key in ("", "x", "=", "é", KEY[:-4], KEY + KEY, b64encode(b"x" * 15).decode())],
)
def test_only_the_handshake_of_version_13_is_accepted(server: Server, version: str, key: str, expected: int) -> None:
    with Wire(server) as wire:
        wire.send(UPGRADE.format(version=version, key=key).encode("latin-1"))
        status, headers, _ = wire.answer()
        assert status == expected
        assert headers.get("sec-websocket-version") == ("13" if expected == 426 else None)
        assert wire.is_closed()


def test_the_handshake_of_before_the_rfc_is_refused(server: Server) -> None:
    old = (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
        b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U"
    )
    with Wire(server) as wire:
        wire.send(old)
        assert wire.answer()[0] == 426
        assert wire.is_closed()


def test_frames_may_come_with_the_handshake(server: Server) -> None:
    with Wire(server) as wire:
        wire.send(UPGRADE.format(version=13, key=KEY).encode() + frame(b"40") + frame(EVENT))
        assert wire.answer()[0] == 101
        received = b""
        while b"event_not_found" not in received:
            piece = wire.read(1)
            assert piece
            received += piece


# messages


@pytest.mark.parametrize("size", [0, 1, 100, 125 - 13, 126 - 13, 127 - 13, 128, 65_535 - 13, 65_536 - 13, 65_537])
def test_messages_of_every_length(server: Server, size: int) -> None:
    with Frames(server) as socket:
        socket.frame(b'427["' + b"n" * size + b'",{}]')
        assert "event_not_found" in socket.message()


@pytest.mark.parametrize("piece", [1, 3, 997])
def test_a_frame_may_come_in_any_pieces(server: Server, piece: int) -> None:
    data = frame(b'427["' + "ñ€😀".encode() * 20 + b'"]') + frame(EVENT)
    with Frames(server) as socket:
        for at in range(0, len(data), piece):
            socket.send(data[at : at + piece])
        assert [("event_not_found" in socket.message()) for _ in range(2)] == [True, True]


def test_a_message_of_the_limit_is_read_and_one_byte_more_is_too_large(server: Server) -> None:
    with Frames(server) as socket:
        socket.frame(b'427["' + b"x" * (MEBIBYTE - 7) + b'"]')
        assert "event_not_found" in socket.message()
        socket.frame(b'427["' + b"x" * (MEBIBYTE - 6) + b'"]')
        assert socket.close_code() == 1009


def test_a_length_that_is_too_large_is_refused_before_it_comes(server: Server) -> None:
    for length in (MEBIBYTE + 1, (1 << 63) - 1, (1 << 64) - 1):
        with Frames(server) as socket:
            socket.send(bytes((0x81, 0xFF)) + length.to_bytes(8, "big") + b"mask")
            assert socket.close_code() == 1009


def test_fragments_are_one_message_and_bounded_together(server: Server) -> None:
    with Frames(server) as socket:
        socket.frame(b'427["no', TEXT, fin=0)
        socket.frame(b"", CONTINUATION, fin=0)
        socket.frame(b"thi", CONTINUATION, fin=0)
        socket.frame(b'ng"]', CONTINUATION)
        assert "event_not_found" in socket.message()
        socket.frame(b"42", TEXT, fin=0)
        for _ in range(11):
            socket.frame(b"x" * 100_000, CONTINUATION, fin=0)
        assert socket.close_code() == 1009


def test_control_frames_between_fragments(server: Server) -> None:
    with Frames(server) as socket:
        socket.frame(b'427["no', TEXT, fin=0)
        socket.frame(b"hello", PING)
        assert socket.next() == (PONG, b"hello")
        socket.frame(b"unasked", PONG)
        socket.frame(b'thing"]', CONTINUATION)
        assert "event_not_found" in socket.message()


# pings


@pytest.mark.parametrize("payload", [b"", b"hello", b"\0\xff\xfe\xfd", b"x" * 125])
def test_a_ping_is_answered_with_its_payload(server: Server, payload: bytes) -> None:
    with Frames(server) as socket:
        for _ in range(10):
            socket.frame(payload, PING)
        assert [socket.next() for _ in range(10)] == [(PONG, payload)] * 10


# what no frame may be


@pytest.mark.parametrize("reserved", [0x40, 0x20, 0x10, 0x70])
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_reserved_bits(server: Server, reserved: int, opcode: int) -> None:
    with Frames(server) as socket:
        socket.frame(b"", opcode, reserved=reserved)
        assert socket.close_code() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes(server: Server, opcode: int) -> None:
    with Frames(server) as socket:
        socket.frame(EVENT)
        socket.frame(b"x", opcode)
        assert socket.close_code() == 1002


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"x" * 126, PING),
        frame(b"x" * 126, CLOSE),
        frame(b"x", PING, fin=0),
        frame(b"x", PONG, fin=0),
        frame(b"x", CONTINUATION),
        frame(b"x", CONTINUATION, fin=0),
        frame(b"x", TEXT, fin=0) + frame(b"y", TEXT),
        frame(b"x", TEXT, fin=0) + frame(b"y", BINARY, fin=0),
        bytes((0x81, 2)) + b"40",
    ],
    ids=["long ping", "long close", "ping in parts", "pong in parts", "nothing to continue", "nothing to continue yet",
         "message in a message", "binary in a message", "without a mask"],
)  # fmt: skip
def test_frames_out_of_place(server: Server, sent: bytes) -> None:
    with Frames(server) as socket:
        socket.send(sent)
        assert socket.close_code() == 1002


# UTF-8

INVALID = [
    b"\xff",
    b"\xc0\xaf",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\x80",
    b"\xce\xba\xe1",
]


@pytest.mark.parametrize("text", INVALID, ids=repr)
@pytest.mark.parametrize("is_split", [False, True])
def test_text_that_is_no_utf_8(server: Server, text: bytes, is_split: bool) -> None:
    payload = b'427["' + text + b'"]'
    with Frames(server) as socket:
        if is_split:
            socket.frame(payload[:6], TEXT, fin=0)
            socket.frame(payload[6:], CONTINUATION)
        else:
            socket.frame(payload)
        assert socket.close_code() == 1007


@pytest.mark.parametrize("text", ["κόσμε", "\U0010ffff", "\ufffe", "\0", "😀", "\ud7ff\ue000"], ids=ascii)
def test_text_that_is_utf_8_may_be_split_anywhere(server: Server, text: str) -> None:
    payload = b'427["' + text.encode().replace(b"\0", b"\\u0000") + b'"]'
    with Frames(server) as socket:
        socket.frame(payload[:1], TEXT, fin=0)
        for at in range(1, len(payload)):
            socket.frame(payload[at : at + 1], CONTINUATION, fin=0)
        socket.frame(b"", CONTINUATION)
        assert "event_not_found" in socket.message()


# closing


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_code(server: Server, code: int) -> None:
    with Frames(server) as socket:
        socket.frame(struct.pack("!H", code) + "grüße".encode(), CLOSE)
        socket.frame(EVENT)  # too late
        assert socket.close_code() == code


def test_a_close_without_a_code(server: Server) -> None:
    with Frames(server) as socket:
        socket.frame(b"", CLOSE)
        assert socket.close_code() == 1000


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_nobody_may_send(server: Server, code: int) -> None:
    with Frames(server) as socket:
        socket.frame(struct.pack("!H", code), CLOSE)
        assert socket.close_code() == 1002


def test_a_close_that_is_none(server: Server) -> None:
    for payload, code in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007)):
        with Frames(server) as socket:
            socket.frame(payload, CLOSE)
            assert socket.close_code() == code


def test_what_was_said_before_going_is_done(server: Server) -> None:
    with Frames(server) as socket:
        socket.send(frame(EVENT) * 5 + frame(struct.pack("!H", 1000), CLOSE))
        assert socket.close_code() == 1000
    with Frames(server) as socket:
        socket.echo()


def test_garbage_after_the_handshake(server: Server) -> None:
    for _ in range(20):
        with Frames(server) as socket:
            socket.send(b"\xff" + os.urandom(2000))
            assert socket.close_code() == 1002
    with Frames(server) as socket:
        socket.echo()
