"""`export --resume`: an export that was interrupted ends as one that was not, or says why it cannot."""

import gzip
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chat.cli import export_file
from chat.storage import bulk
from tests.storage.test_bulk_cli import chat, digests, told

__all__ = ["told"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of many parts, tables of many pages."""
    monkeypatch.setattr(export_file, "PART", 2000)
    monkeypatch.setattr(bulk, "BATCH_ROWS", 7)


def content(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def unfinished(file: Path) -> Path:
    return file.with_name(file.name + ".unfinished")


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_wherever_it_was_interrupted_it_ends_the_same(told: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    assert chat(told, "export", str(file)).exit_code == 0
    whole, raw = content(file), file.read_bytes()
    places = random.Random(7)
    cuts = [0, 1, raw.find(b"\n"), raw.find(b"\n") + 1, len(raw) - 1, len(raw), *places.sample(range(len(raw)), 12)]
    for cut in cuts:
        unfinished(file).write_bytes(raw[:cut])
        file.unlink()
        done = chat(told, "export", "--resume", str(file))
        assert done.exit_code == 0, (cut, done.output)
        assert content(file) == whole, cut
        assert not unfinished(file).exists()
    rows = whole.count(b"\n") - 2
    assert f"{rows} rows are in {file}." in done.stderr


def test_what_was_resumed_is_imported(told: str, make_database: Callable[..., str], tmp_path: Path) -> None:
    file, target = tmp_path / "all.jsonl.gz", make_database()
    assert chat(told, "export", str(file)).exit_code == 0
    unfinished(file).write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert chat(told, "export", "--resume", str(file)).exit_code == 0
    assert chat(target, "import", str(file)).exit_code == 0
    assert digests(target) == digests(told)


def test_a_process_that_is_killed_leaves_what_can_be_gone_on_with(told: str, tmp_path: Path) -> None:
    with psycopg.connect(told, autocommit=True) as connection:
        connection.execute("insert into chat_jobs (kind) select 'k' || n from generate_series(1, 300000) as n")
    file = tmp_path / "all.jsonl"
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "export", str(file)]
    root = Path(__file__).parents[2]
    environ = {"DATABASE_URL": told, "AUTH_MODE": "open", "PATH": "/usr/bin:/bin", "LOG_LEVEL": "warning"}
    with subprocess.Popen(command, cwd=root, env=environ, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (unfinished(file).exists() and unfinished(file).stat().st_size > 2 << 20):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    before = unfinished(file).stat().st_size
    assert chat(told, "export", "--resume", str(file)).exit_code == 0
    assert file.stat().st_size > before
    header, *rows, end = file.read_bytes().splitlines()
    assert json.loads(end) == {"end": json.loads(header)["rows"]}
    assert len(set(rows)) == len(rows) == json.loads(header)["rows"]


CHANGES = {
    "a new row": "insert into users (username) values ('new')",
    "another row in its place": "delete from chat_reactions where emoji = 'x'; insert into chat_reactions "
    "(message_id, emoji, user_id) select id, 'y', user_id from messages limit 1",
    "a change": "update messages set message = message || '!' where seq = 1",
    "one that leaves it as it was": "update conversations set name = name",
    "a row less": "delete from chat_reactions where ctid = (select min(ctid) from chat_reactions)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_it_is_refused(told: str, tmp_path: Path, change: str) -> None:
    with psycopg.connect(told, autocommit=True) as connection:
        connection.execute("insert into chat_reactions (message_id, emoji, user_id) "
                           "select id, 'x', user_id from messages limit 1")  # fmt: skip
        file = tmp_path / "all.jsonl"
        assert chat(told, "export", str(file)).exit_code == 0
        half = file.read_bytes()[: file.stat().st_size // 2]
        unfinished(file).write_bytes(half)
        connection.execute(CHANGES[change])
    refused = chat(told, "export", "--resume", str(file))
    assert refused.exit_code == 1
    assert "has changed since that export began" in refused.stderr
    assert unfinished(file).read_bytes()[:1000] == half[:1000]
    assert chat(told, "export", str(file)).exit_code == 0  # anew


def test_what_servers_do_by_themselves_is_no_change(told: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    assert chat(told, "export", str(file)).exit_code == 0
    unfinished(file).write_bytes(file.read_bytes()[:-40])
    with psycopg.connect(told, autocommit=True) as connection:
        connection.execute("update chat_jobs set claims = claims + 1")
    assert chat(told, "export", "--resume", str(file)).exit_code == 0


@pytest.mark.parametrize("damage", [b"\0" * 50 + b"\n", b"[1]\n", b'{"end":3}\n'])
def test_a_damaged_file_is_refused(told: str, tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "all.jsonl"
    assert chat(told, "export", str(file)).exit_code == 0
    lines = file.read_bytes().splitlines(keepends=True)
    unfinished(file).write_bytes(b"".join(lines[:20]) + damage)
    refused = chat(told, "export", "--resume", str(file))
    assert (refused.exit_code, "is damaged" in refused.stderr) == (1, True)


@pytest.mark.parametrize("first", [b"[]\n", b"{}\n", b"\0\n", b'{"format":1,"schema":1,"rows":1,"tables":{}}\n'])
def test_what_is_no_export_is_refused(told: str, tmp_path: Path, first: bytes) -> None:
    unfinished(tmp_path / "all.jsonl").write_bytes(first)
    refused = chat(told, "export", "--resume", str(tmp_path / "all.jsonl"))
    assert (refused.exit_code, "export anew" in refused.stderr) == (1, True)


def test_without_an_interrupted_one_there_is_nothing_to_resume(told: str, tmp_path: Path) -> None:
    refused = chat(told, "export", "--resume", str(tmp_path / "all.jsonl"))
    assert (refused.exit_code, "to go on with" in refused.stderr) == (2, True)


def test_two_exports_do_not_write_one_file(told: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    with export_file.ExportFile(unfinished(file), False, False) as out:
        out.write(b"mine\n")
        refused: Any = chat(told, "export", str(file))
        assert (refused.exit_code, "Another export writes" in refused.stderr) == (1, True)
    assert unfinished(file).read_bytes() == b"mine\n"
