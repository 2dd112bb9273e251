"""The numbers and frames of RFC 6455."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: Close codes (7.4.1).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, NOT_UTF8, POLICY, TOO_LARGE = 1000, 1001, 1002, 1007, 1008, 1009
#: Codes that a client may send: those in use, and those for applications.
CLIENT_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


def encode(opcode: int, payload: bytes) -> bytes:
    """Return the frame that carries `payload`, as a server sends it: whole and without a mask."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 1 << 16:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def unmask(data: bytes, mask: bytes) -> bytes:
    """Return `data` without its mask, as one large number: byte by byte a mebibyte would take 0.1 s."""
    length = len(data)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
