"""The stores of files: a directory and Supabase Storage do the same."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chat.attachments import Store, open_store
from chat.attachments.directory import DirectoryStore
from chat.config import Config
from chat.errors import ChatError, NotFound
from tests.support.supabase_storage import KEY, StorageStandIn

ID = "0b8f7c52-91d4-4c7e-8e0a-2f6a5b9c0d06"
DATA = bytes(range(256)) * 4096  # a mebibyte


@pytest.fixture
def service() -> Iterator[StorageStandIn]:
    with StorageStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def supabase(service: StorageStandIn) -> Store:
    return open_store(config(service))


def config(service: StorageStandIn, key: str = KEY) -> Config:
    settings: dict[str, Any] = {"supabase_project_url": service.url, "supabase_service_role_key": key}
    return Config(**settings, auth_mode="open").checked()


@pytest.fixture(params=["directory", "supabase"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return DirectoryStore(str(tmp_path / "files"))
    found: Store = request.getfixturevalue("supabase")
    return found


def put(store: Store, key: str, data: bytes = DATA) -> None:
    with store.create() as file:
        file.write(data)
        store.put(key, file, "image/png")


def read(store: Store, key: str, start: int = 0, stop: int = len(DATA)) -> bytes:
    part = store.read(key, start, stop)
    try:
        return b"".join(part)
    finally:
        part.close()


def test_what_is_put_can_be_read_whole_and_in_parts(store: Store) -> None:
    put(store, ID)
    assert read(store, ID) == DATA
    for start, stop in ((0, 1), (1, 2), (5, 300_000), (len(DATA) - 1, len(DATA)), (0, len(DATA) - 1)):
        assert read(store, ID, start, stop) == DATA[start:stop]


def test_a_part_that_is_not_read_to_its_end_can_be_closed(store: Store) -> None:
    put(store, ID)
    for _ in range(20):
        part = store.read(ID, 0, len(DATA))
        next(iter(part))
        part.close()
        store.read(ID, 0, len(DATA)).close()
    assert read(store, ID) == DATA


def test_a_file_that_is_not_there_is_404(store: Store) -> None:
    put(store, ID)
    with pytest.raises(NotFound, match="attachment_not_found"):
        store.read(str(uuid4()), 0, 1)


def test_deleting_twice_is_no_error(store: Store) -> None:
    store.delete([ID])  # before there was anything
    put(store, ID)
    put(store, f"{ID}-thumbnail", b"small")
    store.delete([ID, str(uuid4())])
    store.delete([ID])
    with pytest.raises(NotFound):
        store.read(ID, 0, 1)
    assert read(store, f"{ID}-thumbnail", 0, 5) == b"small"


def test_all_files_are_listed_with_their_age(store: Store) -> None:
    assert list(store.files()) == []
    keys = {str(uuid4()) for _ in range(20)} | {ID, f"{ID}-thumbnail"}
    for key in keys:
        put(store, key, b"x")
    found = list(store.files())
    assert {key for key, _ in found} == keys
    assert all(-1 < age < 60 for _, age in found)


def test_what_was_not_put_is_gone_when_it_is_closed(store: Store) -> None:
    with store.create() as file:
        file.write(b"half")
    assert list(store.files()) == []


def test_an_upload_that_breaks_off_leaves_a_file_that_is_listed_and_can_be_deleted(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    file = store.create()
    file.write(b"half")
    ((key, _),) = store.files()
    store.delete([key])
    assert list(store.files()) == []
    with suppress(FileNotFoundError):  # Python 3.11
        file.close()


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    put(store, ID, b"x")
    (tmp_path / "README").touch()
    (tmp_path / "0b" / "8f" / "notes.txt").touch()
    assert [key for key, _ in store.files()] == [ID]


def test_a_disk_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    store = DirectoryStore(str(tmp_path))
    put(store, ID)
    assert read(store, ID) == DATA
    assert [key for key, _ in store.files()] == [ID]


def test_a_full_disk_is_507_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    store = DirectoryStore(str(tmp_path))
    with pytest.raises(ChatError, match="attachments_full") as refused:
        put(store, ID)
    assert refused.value.status == 507
    assert list(store.files()) == []


def test_a_directory_that_cannot_be_written_is_503(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChatError, match="attachments_unavailable"):
        put(DirectoryStore(str(tmp_path / "file" / "inside")), ID)


def test_the_bucket_is_made_when_it_is_missing(supabase: Store, service: StorageStandIn) -> None:
    put(supabase, ID)
    assert list(service.buckets) == ["chat-attachments"]
    data, type, _ = service.buckets["chat-attachments"][f"0b/{ID}"]
    assert (data, type) == (DATA, "image/png")
    put(supabase, ID, b"again")
    assert read(supabase, ID, 0, 5) == b"again"


def test_two_that_make_the_bucket_at_once_both_succeed(
    supabase: Store, service: StorageStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: Any = supabase._make_bucket  # type: ignore[attr-defined]

    def second() -> None:
        service.buckets["chat-attachments"] = {}
        make()

    monkeypatch.setattr(supabase, "_make_bucket", second)
    put(supabase, ID)
    assert read(supabase, ID) == DATA


def test_a_service_that_knows_no_ranges_will_do(supabase: Store, service: StorageStandIn) -> None:
    put(supabase, ID)
    service.knows_ranges = False
    assert read(supabase, ID, 300_000, 300_010) == DATA[300_000:300_010]


def test_many_files_are_listed_in_pages(supabase: Store, service: StorageStandIn) -> None:
    put(supabase, ID, b"x")
    bucket = service.buckets["chat-attachments"]
    one = bucket[f"0b/{ID}"]
    bucket |= {f"0b/0b{number:06}-91d4-4c7e-8e0a-2f6a5b9c0d06": one for number in range(2500)}
    assert len(list(supabase.files())) == 2501
    supabase.delete([key for key, _ in supabase.files()])
    assert bucket == {}


def test_a_service_that_is_down_refuses_the_key_or_takes_no_such_file_is_said(
    supabase: Store, service: StorageStandIn
) -> None:
    put(supabase, ID)
    service.most_bytes = 1000
    with pytest.raises(ChatError, match="body_too_large"):
        put(supabase, str(uuid4()))
    service.down = True
    for attempt in (
        lambda: put(supabase, ID),
        lambda: read(supabase, ID),
        lambda: supabase.delete([ID]),
        lambda: list(supabase.files()),
    ):
        with pytest.raises(ChatError, match="attachments_unavailable") as refused:
            attempt()
        assert refused.value.status == 503
    service.down = False
    other = open_store(config(service, "sb_secret_other"))
    with pytest.raises(ChatError, match="attachments_unavailable"):
        read(other, ID)
    nowhere = open_store(
        Config(supabase_project_url="http://127.0.0.1:9", supabase_service_role_key=KEY, auth_mode="open").checked()
    )
    with pytest.raises(ChatError, match="attachments_unavailable"):
        put(nowhere, ID)


def test_a_large_file_goes_through_in_pieces(supabase: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import chat.attachments.transport as transport

    sizes = []
    original = transport._Body.__iter__

    def spy(self: Any) -> Iterator[bytes]:
        for piece in original(self):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(transport._Body, "__iter__", spy)
    put(supabase, ID, DATA * 8)
    assert read(supabase, ID, 0, 8 * len(DATA)) == DATA * 8
    assert max(sizes) <= transport.PIECE
