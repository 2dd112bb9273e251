"""Images: measured, turned upright, rid of what they say of their maker; and thumbnails."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.support.answers import refuses
from tests.support.files import SECRET, exif, picture, read, upload, uploaded

User = dict[str, Any]
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


def opened(data: bytes) -> Any:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def is_dark(image: Any, x: int, y: int) -> bool:
    return sum(image.convert("RGB").getpixel((x, y))) < 384


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_an_image_is_turned_upright_and_loses_what_its_camera_noted(
    client: FlaskClient, ann: User, format: str
) -> None:
    data = picture(format, exif=exif(6))  # 6: what is left is to be on top
    assert SECRET.encode() in data
    attachment = uploaded(client, ann, data, "kettle.bin")
    assert (attachment["type"], attachment["width"], attachment["height"]) == (TYPES[format], 40, 60)
    got = read(client, ann, attachment["url"])
    small = read(client, ann, attachment["thumbnail_url"])
    assert (got.mimetype, small.mimetype) == (TYPES[format], "image/jpeg")
    assert len(got.data) == attachment["size"]
    for each in (got, small):
        assert SECRET.encode() not in each.data
        assert each.headers["Content-Disposition"].startswith("inline")
        image = opened(each.data)
        assert (image.size, dict(image.getexif())) == ((40, 60), {})
        assert is_dark(image, 20, 5)
        assert not is_dark(image, 20, 55)


def test_an_image_that_is_upright_stays_as_good_as_it_was(client: FlaskClient, ann: User) -> None:
    data = picture("JPEG", (300, 200), quality=97, exif=exif(1))
    got = read(client, ann, uploaded(client, ann, data)["url"]).data
    assert opened(got).quantization == opened(data).quantization
    assert SECRET.encode() not in got


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_an_animation_stays_one_without_what_hides_in_it(client: FlaskClient, ann: User, format: str) -> None:
    frames = [Image.new("RGBA", (64, 48), (number * 60, 0, 200, 255)) for number in range(4)]
    file = BytesIO()
    hidden: dict[str, Any] = {"comment": SECRET.encode()} if format == "GIF" else {"exif": exif(1)}
    frames[0].save(file, format, save_all=True, append_images=frames[1:], duration=50, loop=0, **hidden)
    data = file.getvalue()
    assert SECRET.encode() in data
    attachment = uploaded(client, ann, data + b"<script>alert(1)</script>")
    got = read(client, ann, attachment["url"]).data
    assert SECRET.encode() not in got
    assert b"script" not in got
    image = opened(got)
    assert (image.n_frames, image.size) == (4, (64, 48))
    image.seek(3)
    assert image.convert("RGB").getpixel((5, 5))[0] > 150


def test_a_thumbnail_is_small_and_keeps_transparency(client: FlaskClient, ann: User) -> None:
    attachment = uploaded(client, ann, picture("PNG", (2000, 1000), "RGBA"))
    small = read(client, ann, attachment["thumbnail_url"])
    assert (small.mimetype, opened(small.data).size) == ("image/png", (480, 240))
    assert (attachment["width"], attachment["height"]) == (2000, 1000)
    assert read(client, ann, attachment["thumbnail_url"], Range="bytes=0-3").data == small.data[:4]


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG that says it is so large."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize(
    "data",
    [
        png(30_000, 30_000, zlib.compress(bytes(1 << 20))),
        png(2_000_000, 100),
        png(10, 10, b"no zlib"),
        png(10, 10),
        picture("JPEG")[:200],
        picture("GIF")[:30],
        picture("WEBP")[:40],
        b"\xff\xd8\xff" + bytes(100),
        b"GIF89a",
        b"RIFF\x04\0\0\0WEBP",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=lambda data: f"{data[:4]!r}-{len(data)}",
)
def test_bombs_and_damaged_images_are_refused(client: FlaskClient, ann: User, data: bytes) -> None:
    refuses(upload(client, ann, data), "file")


def test_a_picture_with_a_page_behind_it_is_no_page(client: FlaskClient, ann: User) -> None:
    for format in TYPES:
        attachment = uploaded(client, ann, picture(format) + b"<html><script>alert(1)</script>", "a.html")
        assert attachment["type"] == TYPES[format]
        assert b"script" not in read(client, ann, attachment["url"]).data
