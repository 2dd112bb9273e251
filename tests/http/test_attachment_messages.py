"""Messages with files, over HTTP and over the socket; and the jobs that delete what is not needed."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.jobs.attachments import sweep_attachments, sweep_files
from chat.jobs.retention import sweep_messages
from tests.support.answers import problem, refuses
from tests.support.client import Api
from tests.support.files import MULTIPART, multipart, picture, read, uploaded
from tests.support.server import Device, Server

User = dict[str, Any]
Sql = Callable[..., list[Any]]


def send(client: FlaskClient, talk: Any, user: User, **body: Any) -> Any:
    return client.post(f"/conversations/{talk['id']}/messages/create", json={"user_id": user["id"], **body})


def test_a_message_with_a_file_and_no_text(client: FlaskClient, api: Api, ann: User, bob: User, talk: Any) -> None:
    attachment = uploaded(client, ann, picture("PNG"))
    sent = send(client, talk, ann, attachments=[attachment["id"]], client_id="c1").json
    assert (sent["message"], sent["attachments"]) == ("", [attachment])
    for url in (attachment["url"], attachment["thumbnail_url"]):
        assert read(client, bob, url).status_code == 200
    assert api.messages(talk, "limit=1")[0]["attachments"] == [attachment]
    again = send(client, talk, ann, attachments=[attachment["id"]], client_id="c1").json
    assert again["id"] == sent["id"]
    problem(send(client, talk, ann, attachments=[attachment["id"]]), 409, "attachment_used")
    problem(send(client, talk, bob, attachments=[uploaded(client, ann)["id"]]), 404, "attachment_not_found")


def test_text_or_files_there_must_be(client: FlaskClient, ann: User, talk: Any) -> None:
    id = uploaded(client, ann)["id"]
    for body in ({}, {"attachments": []}, {"message": " "}, {"message": "", "attachments": []}):
        refuses(send(client, talk, ann, **body), "message")
    refuses(send(client, talk, ann, attachments=[id] * 11), "attachments")
    refuses(send(client, talk, ann, attachments=["x"]), "attachments")
    assert send(client, talk, ann, message=" ", attachments=[id]).json["message"] == ""


def test_members_hear_of_the_file_over_the_socket(server: Server, connect: Callable[..., Device]) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    mine, theirs = connect(server, ann), connect(server, bob)
    response = server.http.request(
        "POST",
        f"{server.url}/attachments",
        body=multipart(b"some text", "a.txt", user_id=ann["id"]),
        headers={"Content-Type": MULTIPART},
    )
    attachment = response.json()
    call = {"conversation_id": conversation["id"], "attachments": [attachment["id"]]}
    sent = mine.call("sendMessage", call)
    assert sent["attachments"] == [attachment]
    assert theirs.hear("message")["attachments"] == [attachment]
    assert mine.call("sendMessage", call)["error"]["code"] == "attachment_used"
    assert mine.call("sendMessage", {"conversation_id": conversation["id"]})["error"]["errors"].keys() == {"message"}
    got = server.request("GET", f"{attachment['url']}?user_id={bob['id']}")
    assert got.data == b"some text"


# jobs


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "attachments").rglob("*") if path.is_file()}


def test_what_is_not_sent_in_a_day_is_deleted(
    app: Flask, client: FlaskClient, ann: User, talk: Any, tmp_path: Path, sql: Sql
) -> None:
    kept, dropped = uploaded(client, ann, picture("PNG")), uploaded(client, ann, picture("PNG"))
    young = uploaded(client, ann)
    send(client, talk, ann, attachments=[kept["id"]])
    sql("update chat_attachments set created_at = now() - interval '25 hours' where id <> %s", young["id"])
    with app.app_context():
        sweep_attachments({})
    problem(read(client, ann, dropped["url"]), 404, "attachment_not_found")
    assert files(tmp_path) == {kept["id"], f"{kept['id']}-thumbnail", young["id"]}
    assert sql("select count(*) from chat_attachments") == [(2,)]


def test_files_that_no_row_names_are_deleted_when_they_are_a_day_old(
    app: Flask, client: FlaskClient, ann: User, tmp_path: Path, sql: Sql
) -> None:
    kept, lost, young = (uploaded(client, ann)["id"] for _ in range(3))
    sql("delete from chat_attachments where id <> %s", kept)
    with app.app_context():
        broken = app.extensions["attachments"].create()
        yesterday = time.time() - 25 * 3600
        for name in (kept, lost, Path(broken.name).name):
            (path,) = (tmp_path / "attachments").rglob(name)
            os.utime(path, (yesterday, yesterday))
        sweep_files({})
        assert files(tmp_path) == {kept, young}
        broken.close()


def test_a_store_that_is_away_loses_no_row(
    app: Flask, client: FlaskClient, ann: User, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded(client, ann)
    sql("update chat_attachments set created_at = now() - interval '25 hours'")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "the disk")

    with monkeypatch.context() as patched, app.app_context():
        patched.setattr(Path, "unlink", fail)
        with pytest.raises(Exception, match="attachments_unavailable"):
            sweep_attachments({})
    assert sql("select count(*) from chat_attachments") == [(1,)]
    with app.app_context():
        sweep_attachments({})
    assert sql("select count(*) from chat_attachments") == [(0,)]


def test_retention_deletes_messages_with_their_files(
    make_app: Callable[..., Flask],
    client: FlaskClient,
    api: Api,
    ann: User,
    bob: User,
    talk: Any,
    tmp_path: Path,
    sql: Sql,
) -> None:
    send(client, talk, ann, attachments=[uploaded(client, ann)["id"]])
    sql("update messages set created_at = created_at - interval '8 days'")
    kept = send(client, talk, ann, attachments=[uploaded(client, ann)["id"]]).json
    for own, days, left in ((None, 0, 5), (10, 9, 5), (7, 0, 1)):
        api.request("PATCH", f"/conversations/{talk['id']}", {"user_id": ann["id"], "retention_days": own})
        with make_app(retention_days=days).app_context():
            sweep_messages({})
        assert len(api.messages(talk)) == left
    assert files(tmp_path) == {kept["attachments"][0]["id"]}
    assert api.conversations(bob)[0]["oldest_seq"] == 5


def test_the_first_sweep_comes_with_the_start(
    make_server: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    first = make_server(DATABASE_URL=url)
    api = Api(first)
    ann = api.user("ann")
    conversation = api.conversation(ann)
    for _ in range(3):
        api.send(conversation, ann)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update messages set created_at = created_at - interval '2 days'")
    first.stop()
    later = Api(make_server(DATABASE_URL=url, RETENTION_DAYS="1"))
    deadline = time.monotonic() + 30
    while later.messages(conversation):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert later.conversations(ann)[0]["oldest_seq"] == 4
