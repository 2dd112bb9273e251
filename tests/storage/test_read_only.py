"""The database answers, but takes no writes: its disk is full, or it is a standby."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.auth import Caller
from chat.embedded.cluster import within
from chat.errors import StorageReadOnly, StorageUnavailable
from chat.storage import Storage
from tests.storage.test_storage import make_conversation, make_users
from tests.support.client import Api
from tests.support.server import Server

Sql = Callable[..., list[Any]]

REFUSE = """
    create function refuse() returns trigger language plpgsql as $$
        begin raise exception using errcode = '{code}', message = 'No space left on device'; end $$;
    create trigger refuse before insert on messages for each row execute function refuse();
"""


def send_one(storage: Storage, caller: Caller, conversation_id: str) -> None:
    storage.send_message(caller, conversation_id, {"message": "hello"})


def send_batch(storage: Storage, caller: Caller, conversation_id: str) -> None:
    send = {"user_id": caller.user_id, "conversation_id": conversation_id, "message": "hello"}
    storage.send_messages([send, send])


@pytest.mark.parametrize("send", [send_one, send_batch])
@pytest.mark.parametrize("code", ["53100", "25006"])
def test_a_database_that_refuses_writes_is_not_ready_until_it_takes_one(
    storage: Storage, sql: Sql, code: str, send: Callable[[Storage, Caller, str], None]
) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    storage.check_ready()
    sql(REFUSE.format(code=code))
    with pytest.raises(StorageReadOnly) as refused:
        send(storage, ann, id)
    assert (refused.value.status, refused.value.code) == (503, "storage_unavailable")
    assert "No space left on device" in str(refused.value.__cause__)
    with pytest.raises(StorageReadOnly):
        storage.check_ready()
    storage.list_messages(ann, id, 10)  # a read says nothing about writes
    with pytest.raises(StorageReadOnly):
        storage.check_ready()
    sql("drop trigger refuse on messages")
    send(storage, ann, id)
    storage.check_ready()


def test_a_refused_write_is_forgotten_after_a_while(
    storage: Storage, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sends a write to a server that says it is not ready: it must be tried again."""
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    sql(REFUSE.format(code="53100"))
    with pytest.raises(StorageReadOnly):
        storage.send_message(ann, id, {"message": "hello"})
    monkeypatch.setattr("chat.storage.contract.REFUSED_WRITE_COUNTS", 0)
    storage.check_ready()


def test_other_failures_of_a_write_say_nothing_about_the_next(storage: Storage, sql: Sql) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    sql(REFUSE.format(code="40001"))
    with pytest.raises(StorageUnavailable):
        storage.send_message(ann, id, {"message": "hello"})
    storage.check_ready()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m,mode=755", "tmpfs", str(path)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk_is_said_and_writes_come_back_with_the_space(
    small_disk: Path, make_server: Callable[..., Server]
) -> None:
    server = make_server(DATA_DIR=str(small_disk / "data"))
    api = Api(server)
    ann = api.user("ann")
    conversation = api.conversation(ann)
    path = f"/conversations/{conversation['id']}/messages/create"

    def send() -> int:
        return server.request("POST", path, {"user_id": ann["id"], "message": os.urandom(5000).hex()}).status

    filler = small_disk / "filler"
    with filler.open("wb") as file:
        file.truncate()
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)
    assert within(60, lambda: send() == 503, pause=0)
    assert within(5, lambda: server.request("GET", "/ready").status == 503)
    assert "No space left on device" in server.log.read_text() or "the disk is full" in server.log.read_text()
    filler.unlink()
    assert within(60, lambda: send() == 200)
    assert within(5, lambda: server.request("GET", "/ready").status == 200)
