"""Uploading and reading files: what is kept, what is served how, and what is refused."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.api.uploads import MAX_REST
from tests.support.answers import problem, refuses
from tests.support.client import Api
from tests.support.files import picture, read, upload, uploaded

User = dict[str, Any]
FIELDS = {"id", "name", "type", "size", "width", "height", "created_at", "url", "thumbnail_url"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def stored(tmp_path: Path) -> list[str]:
    """Return the names of the files in the store, uploads under way included."""
    return sorted(path.name for path in (tmp_path / "attachments").rglob("*") if path.is_file())


def test_a_file_is_uploaded_and_read(client: FlaskClient, ann: User, tmp_path: Path) -> None:
    attachment = uploaded(client, ann, b"the first line\n", "notes.txt")
    assert attachment.keys() == FIELDS
    assert (attachment["name"], attachment["type"], attachment["size"]) == ("notes.txt", "text/plain", 15)
    assert (attachment["width"], attachment["height"], attachment["thumbnail_url"]) == (None, None, None)
    assert attachment["url"] == f"/attachments/{attachment['id']}"
    got = read(client, ann, attachment["url"])
    assert (got.status_code, got.data) == (200, b"the first line\n")
    assert got.headers["Content-Length"] == "15"
    assert got.headers["Cache-Control"].startswith("private")
    assert stored(tmp_path) == [attachment["id"]]
    problem(read(client, ann, f"{attachment['url']}/thumbnail"), 404, "attachment_not_found")


def test_only_its_uploader_reads_what_is_not_sent(client: FlaskClient, ann: User, bob: User) -> None:
    url = uploaded(client, ann)["url"]
    problem(read(client, bob, url), 404, "attachment_not_found")
    problem(read(client, ann, f"/attachments/{UNKNOWN}"), 404, "attachment_not_found")
    problem(read(client, ann, "/attachments/x"), 404, "attachment_not_found")
    problem(read(client, {"id": UNKNOWN}, url), 404, "user_not_found")


def test_an_unknown_user_uploads_nothing(client: FlaskClient, ann: User, tmp_path: Path) -> None:
    problem(upload(client, {"id": UNKNOWN}, b"x"), 404, "user_not_found")
    assert stored(tmp_path) == []


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=2-4", 206, 2, 5),
        ("bytes=5-", 206, 5, 10),
        ("bytes=-3", 206, 7, 10),
        ("bytes=-99", 206, 0, 10),
        ("bytes=8-99", 206, 8, 10),
        ("bytes=0-1,4-5", 200, 0, 10),
        ("bytes=4-2", 200, 0, 10),
        ("lines=1-2", 200, 0, 10),
        ("bytes=x", 200, 0, 10),
    ],
)
def test_ranges(client: FlaskClient, ann: User, asked: str, status: int, start: int, stop: int) -> None:
    data = b"0123456789"
    got = read(client, ann, uploaded(client, ann, data)["url"], Range=asked)
    assert (got.status_code, got.data) == (status, data[start:stop])
    assert got.headers["Content-Length"] == str(stop - start)
    if status == 206:
        assert got.headers["Content-Range"] == f"bytes {start}-{stop - 1}/10"


def test_a_range_behind_the_end_is_416(client: FlaskClient, ann: User) -> None:
    for asked in ("bytes=10-", "bytes=99-100"):
        got = read(client, ann, uploaded(client, ann, b"0123456789")["url"], Range=asked)
        problem(got, 416, "range_not_satisfiable")
        assert got.headers["Content-Range"] == "bytes */10"


def test_an_etag_saves_the_body_and_guards_a_range(client: FlaskClient, ann: User, bob: User) -> None:
    url = uploaded(client, ann, b"0123456789")["url"]
    etag = read(client, ann, url).headers["ETag"]
    got = read(client, ann, url, If_None_Match=etag)
    assert (got.status_code, got.data) == (304, b"")
    assert read(client, ann, url, If_None_Match='"another"').status_code == 200
    assert read(client, ann, url, Range="bytes=1-2", If_Range=etag).data == b"12"
    assert read(client, ann, url, Range="bytes=1-2", If_Range='"another"').data == b"0123456789"
    assert read(client, bob, url, If_None_Match=etag).status_code == 404


def test_head_has_the_headers_alone(client: FlaskClient, ann: User) -> None:
    url = uploaded(client, ann, b"0123456789")["url"]
    with client.head(f"{url}?user_id={ann['id']}") as got:
        assert (got.status_code, got.data, got.headers["Content-Length"]) == (200, b"", "10")


# what is served how


@pytest.mark.parametrize(
    ("data", "name", "type", "is_shown"),
    [
        (b"<!DOCTYPE html><script>alert(1)</script>", "a.png", "text/html", False),
        (b"  \n<html><body>", "a.txt", "text/html", False),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.jpg", "image/svg+xml", False),
        (b"<?xml version='1.0'?><!-- --><svg onload=alert(1)>", "a.svg", "image/svg+xml", False),
        (b"<?xml version='1.0'?><feed/>", "a.xml", "application/xml", False),
        (b"alert(1)", "a.js", "text/plain", False),
        (b"a,b\n1,2\n", "a.csv", "text/csv", False),
        ("é".encode() * 5000, "a", "text/plain", False),
        (b"x" + "é".encode() * 5000, "a", "text/plain", False),
        (b"\xff\xfe\x00\x01", "a.txt", "application/octet-stream", False),
        (b"MZ\x90\x00", "a.png", "application/octet-stream", False),
        (b"%PDF-1.7\n", "a.html", "application/pdf", False),
        (b"PK\3\4rest", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", False),
        (b"PK\3\4rest", "a.html", "application/zip", False),
        (b"\0\0\0\x18ftypmp42rest", "a.mp4", "video/mp4", True),
        (b"\0\0\0\x18ftypheicrest", "a.heic", "image/heic", False),
        (b"ID3\3rest", "a.mp3", "audio/mpeg", True),
        (b"RIFF\0\0\0\0WAVE", "a.wav", "audio/wav", True),
    ],
)
def test_the_content_says_what_a_file_is(
    client: FlaskClient, ann: User, data: bytes, name: str, type: str, is_shown: bool
) -> None:
    attachment = uploaded(client, ann, data, name)
    assert attachment["type"] == type
    got = read(client, ann, attachment["url"])
    assert got.mimetype == type
    assert got.headers["Content-Disposition"].split(";")[0] == ("inline" if is_shown else "attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in ", ".join(got.headers.getlist("Content-Security-Policy"))
    assert got.data == data


@pytest.mark.parametrize(
    ("sent", "name", "header"),
    [
        ("../../etc/passwd", "passwd", 'filename="passwd"'),
        ("..", "file", 'filename="file"'),
        ("na\u202egpj.exe", "nagpj.exe", 'filename="nagpj.exe"'),
        ("naïve plan.txt", "naïve plan.txt", "filename=\"naive plan.txt\"; filename*=UTF-8''na%C3%AFve%20plan.txt"),
        ("茶.txt", "茶.txt", "filename=\".txt\"; filename*=UTF-8''%E8%8C%B6.txt"),
        ("x" * 5000 + ".jpeg", "x" * 250 + ".jpeg", f'filename="{"x" * 250}.jpeg"'),
        ("." + "x" * 5000, "x" * 255, f'filename="{"x" * 255}"'),
        ("a\tb.txt", "ab.txt", 'filename="ab.txt"'),
    ],
)
def test_odd_names(client: FlaskClient, ann: User, sent: str, name: str, header: str) -> None:
    attachment = uploaded(client, ann, b"x", sent)
    assert attachment["name"] == name
    assert read(client, ann, attachment["url"]).headers["Content-Disposition"] == f"attachment; {header}"


@pytest.mark.parametrize("name", ['a"; filename="b', "a\r\nSet-Cookie: x=1", "a\\b/c", "\u202e", "😀", "a＂＼／℀.txt"])
def test_a_given_name_stays_and_never_breaks_a_header(client: FlaskClient, ann: User, name: str) -> None:
    attachment = upload(client, ann, b"x", name=name).json
    assert attachment["name"] == name
    got = read(client, ann, attachment["url"])
    assert got.status_code == 200
    assert "Set-Cookie" not in got.headers
    header = got.headers["Content-Disposition"]
    assert header.count('"') == 2
    assert not set("\r\n\\/") & set(header.partition(";")[2])


# what is refused


def test_a_file_may_be_as_large_as_the_setting_says(make_app: Callable[..., Flask], ann: User, tmp_path: Path) -> None:
    client = make_app(max_attachment_bytes=1000).test_client()
    assert uploaded(client, ann, b"x" * 1000)["size"] == 1000
    problem(upload(client, ann, b"x" * 1001), 413, "body_too_large")
    problem(upload(client, ann, b"x" * (1000 + MAX_REST)), 413, "body_too_large")
    refuses(upload(client, ann, b"x", name="n" * 10_000), "name")
    assert len(stored(tmp_path)) == 1


def test_the_default_is_ten_mebibytes(client: FlaskClient, ann: User) -> None:
    assert uploaded(client, ann, bytes(10 << 20))["size"] == 10 << 20
    problem(upload(client, ann, bytes((10 << 20) + 1)), 413, "body_too_large")


def test_no_file_an_empty_one_or_two(client: FlaskClient, ann: User, tmp_path: Path) -> None:
    form = "multipart/form-data"
    refuses(client.post("/attachments", data={"user_id": ann["id"], "name": "x"}, content_type=form), "file")
    refuses(client.post("/attachments", data={"user_id": ann["id"], "file": "text"}, content_type=form), "file")
    refuses(upload(client, ann, b""), "file")
    two = [("user_id", ann["id"]), ("file", (BytesIO(b"a"), "a")), ("file", (BytesIO(b"b"), "b"))]
    refuses(client.post("/attachments", data=dict(two[:1]) | {"file": [two[1][1], two[2][1]]}), "file")
    refuses(client.post("/attachments", data={"user_id": ann["id"], "photo": (BytesIO(b"a"), "a")}), "file")
    assert stored(tmp_path) == []


B = "b0und4ry"
PART = f'--{B}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "type", "status", "code"),
    [
        ("x", "multipart/form-data", 400, "malformed_request"),
        ("x", "multipart/form-data; boundary=", 400, "malformed_request"),
        ("x", f"multipart/form-data; boundary={B}", 400, "malformed_request"),
        (f"{PART}data", f"multipart/form-data; boundary={B}", 400, "malformed_request"),
        (f"{PART}data\r\n--{B}", f"multipart/form-data; boundary={B}", 400, "malformed_request"),
        (f"{PART}data\r\n--other--\r\n", f"multipart/form-data; boundary={B}", 400, "malformed_request"),
        (f"--{B}\r\nno header\r\n\r\nx\r\n--{B}--\r\n", f"multipart/form-data; boundary={B}", 400, "malformed_request"),
        (f"--{B}--\r\n", f"multipart/form-data; boundary={B}", 422, "validation_failed"),
        ("x", "multipart/form-data; boundary=é", 400, "malformed_request"),
        ("{}", "application/json", 415, "unsupported_media_type"),
        ("user_id=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("GIF89a", "image/gif", 415, "unsupported_media_type"),
        ("", "application/json", 422, "validation_failed"),
    ],
)
def test_a_body_that_is_no_upload(
    client: FlaskClient, ann: User, tmp_path: Path, body: str, type: str, status: int, code: str
) -> None:
    problem(client.post("/attachments", data=body.encode(), content_type=type), status, code)
    assert stored(tmp_path) == []


def test_a_thousand_parts_are_too_many(client: FlaskClient, ann: User) -> None:
    body = {"user_id": ann["id"], **{f"field{number}": "x" for number in range(1000)}}
    problem(client.post("/attachments", data=body, content_type="multipart/form-data"), 413, "body_too_large")


def test_the_store_is_full_or_away(
    client: FlaskClient, ann: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: Callable[..., list[Any]]
) -> None:
    attachment = uploaded(client, ann, picture("PNG"))
    for number, status, code in ((28, 507, "attachments_full"), (5, 503, "attachments_unavailable")):

        def fail(*_: Any, number: int = number) -> None:
            raise OSError(number, "said by the disk")

        with monkeypatch.context() as patched:
            patched.setattr("os.link", fail)
            patched.setattr("shutil.copyfile", fail)
            told = upload(client, ann, b"x")
            assert (told.status_code, told.json["code"]) == (status, code)
            assert "disk" not in json.dumps(told.json["detail"])
    assert len(stored(tmp_path)) == 2  # the image and its thumbnail
    assert sql("select count(*) from chat_attachments where state = 'ready'") == [(1,)]
    for path in (tmp_path / "attachments").rglob("*"):
        if path.is_file():
            path.unlink()
    problem(read(client, ann, attachment["url"]), 404, "attachment_not_found")


def test_uploads_have_a_limit_of_their_own(make_api: Callable[..., Api], make_app: Callable[..., Flask]) -> None:
    app = make_app(auth_mode="token", jwt_secret="s" * 32, rate_limit_upload="2 per hour")
    client = app.test_client()
    token = client.post("/users/create", json={"username": "ann"}).json["access_token"]
    statuses = [
        client.post(
            "/attachments", data={"file": (BytesIO(b"x"), "a")}, headers={"Authorization": f"Bearer {token}"}
        ).status_code
        for _ in range(3)
    ]
    assert statuses == [200, 200, 429]
