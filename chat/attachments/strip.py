"""Animated images, which are kept as they are but for what they say of their maker: copied block by block.

What is no block of the format, hidden behind its end for example, is left out. Each raises `ValueError` for a file that
is damaged.
"""

from typing import IO

PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"pHYs", b"bKGD", b"cICP",
}  # fmt: skip
WEBP_CHUNKS = {b"VP8X", b"VP8 ", b"VP8L", b"ANIM", b"ANMF", b"ALPH", b"ICCP"}
#: Of the flags of `VP8X`: that there is EXIF, that there is XMP.
WEBP_METADATA = 0x08 | 0x04
GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
PIECE = 64 << 10


def strip(source: IO[bytes], target: IO[bytes], type: str) -> None:
    """Copy an image without its metadata."""
    source.seek(0)
    {"image/gif": _gif, "image/png": _png, "image/webp": _webp}[type](source, target)


def _gif(source: IO[bytes], target: IO[bytes]) -> None:
    header = _take(source, 13)
    target.write(header + _take(source, _color_table(header[10])))
    while True:
        introducer = source.read(1)
        if introducer in (b"\x3b", b""):  # the end, which some encoders forget
            break
        if introducer == b"\x2c":
            descriptor = _take(source, 9)
            target.write(introducer + descriptor + _take(source, _color_table(descriptor[8])) + _take(source, 1))
            _sub_blocks(source, target)
        elif introducer == b"\x21":
            _extension(source, target)
        else:
            raise ValueError("not a block of a GIF")
    target.write(b"\x3b")


def _extension(source: IO[bytes], target: IO[bytes]) -> None:
    label = _take(source, 1)
    size = _take(source, 1)
    first = _take(source, size[0])
    is_kept = label == b"\xf9" or (label == b"\xff" and first in GIF_APPLICATIONS)
    if is_kept:
        target.write(b"\x21" + label + size + first)
    if size != b"\0":
        _sub_blocks(source, target if is_kept else None)


def _sub_blocks(source: IO[bytes], target: IO[bytes] | None) -> None:
    while True:
        size = _take(source, 1)
        block = size + _take(source, size[0])
        if target:
            target.write(block)
        if size == b"\0":
            return


def _color_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _png(source: IO[bytes], target: IO[bytes]) -> None:
    target.write(_take(source, 8))
    kind = b""
    while kind != b"IEND":
        head = _take(source, 8)
        kind = head[4:]
        _copy(source, target if kind in PNG_CHUNKS else None, head, int.from_bytes(head[:4], "big") + 4)


def _webp(source: IO[bytes], target: IO[bytes]) -> None:
    header = _take(source, 12)
    end = int.from_bytes(header[4:8], "little") + 8
    target.write(header)
    while source.tell() < end:
        head = _take(source, 8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"VP8X" and size > 0:
            head, size = head + bytes([_take(source, 1)[0] & ~WEBP_METADATA]), size - 1
            _copy(source, target, head, size + (size + 1) % 2)
        else:
            _copy(source, target if head[:4] in WEBP_CHUNKS else None, head, size + size % 2)
    length = target.tell() - 8
    target.seek(4)
    target.write(length.to_bytes(4, "little"))
    target.seek(0, 2)


def _take(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise ValueError("the image ends too early")
    return data


def _copy(source: IO[bytes], target: IO[bytes] | None, head: bytes, size: int) -> None:
    if target:
        target.write(head)
    while size > 0:
        piece = _take(source, min(size, PIECE))
        size -= len(piece)
        if target:
            target.write(piece)
