"""Files in a directory of this machine:

ATTACHMENTS_DIR/incoming        uploads under way; what is older than a day has broken off
ATTACHMENTS_DIR/ab/cd/abcd…     a file by its key; two levels, so that no directory gets large
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast
from uuid import uuid4

from ..errors import NotFound
from ..green import in_thread
from .store import PIECE, Part, Store, disk_errors

#: The names of our files; others in the directory are left alone.
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-thumbnail)?")
INCOMING = "incoming"


class DirectoryStore(Store):
    """A store in a local directory, which several processes may share."""

    def __init__(self, directory: str) -> None:
        self._root = Path(directory).absolute()

    def create(self) -> IO[bytes]:
        with disk_errors():
            incoming = self._root / INCOMING
            incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cast(IO[bytes], tempfile.NamedTemporaryFile(dir=incoming, prefix="upload-"))

    def put(self, key: str, file: IO[bytes], type: str) -> None:
        with disk_errors():
            file.flush()
            in_thread(self._keep, key, file.name, file.fileno())

    def _keep(self, key: str, name: str, fileno: int) -> None:
        os.fsync(fileno)
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(name, path)
        except OSError:  # a file system without hard links
            copy = self._root / INCOMING / f"upload-{uuid4()}"
            try:
                shutil.copyfile(name, copy)
                os.replace(copy, path)
            finally:
                copy.unlink(missing_ok=True)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def read(self, key: str, start: int, stop: int) -> Part:
        with disk_errors():
            try:
                file = in_thread(self._path(key).open, "rb")
            except FileNotFoundError as error:
                raise NotFound("attachment") from error
            file.seek(start)
            return FilePart(cast(IO[bytes], file), stop - start)

    def delete(self, keys: list[str]) -> None:
        with disk_errors():
            in_thread(self._delete, keys)

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, float]]:
        with disk_errors():
            for name in (INCOMING, *(f"{number:02x}" for number in range(256))):
                yield from in_thread(self._list, name)

    def _list(self, name: str) -> list[tuple[str, float]]:
        now, found = time.time(), []
        for path in (self._root / name).glob("*" if name == INCOMING else "*/*"):
            if name == INCOMING or KEY.fullmatch(path.name):
                with suppress(FileNotFoundError):  # an upload has ended in this moment
                    found.append((f"{name}/{path.name}" if name == INCOMING else path.name, now - path.stat().st_mtime))
        return found

    def _path(self, key: str) -> Path:
        if key.startswith(f"{INCOMING}/"):
            return self._root / INCOMING / Path(key).name
        return self._root / key[:2] / key[2:4] / key


class FilePart(Part):
    """A part of an open file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        while self._size > 0 and (piece := in_thread(self._file.read, min(PIECE, self._size))):
            self._size -= len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()
