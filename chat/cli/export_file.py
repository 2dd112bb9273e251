"""The file that `export` writes: lines, in parts that are whole or not there, so that it can be gone on with."""

import fcntl
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..errors import StartupError

#: Bytes of lines that are written at once; in a compressed file each such part is a member of its own (RFC 1952).
PART = 1 << 20


class ExportFile:
    """A file under a lock, at whose end lines are written. With `resume` the lines that are there stay.

    `first` and `last` are the first and the last of those, `count` is how many; what is not whole goes. Raises
    `StartupError` when another process writes the file.
    """

    def __init__(self, path: Path, compressed: bool, resume: bool) -> None:
        self.first, self.last, self.count = b"", b"", 0
        self._compressed, self._lines, self._size = compressed, list[bytes](), 0
        self._file = path.open("a+b")
        try:
            self._lock(path)
            self._file.seek(0)
            end = self._find_end() if resume else 0
            self._file.truncate(end)
            self._file.seek(end)
        except BaseException:
            self._file.close()
            raise

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= PART:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._flush()

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"Another export writes {path}.") from None

    def _flush(self) -> None:
        content = b"".join(self._lines)
        self._file.write(gzip.compress(content, 6) if self._compressed else content)
        self._lines, self._size = [], 0

    def _find_end(self) -> int:
        """Read what is there, and return where its last whole part ends."""
        end = 0
        for content, part_end in _members(self._file) if self._compressed else _lines(self._file):
            end = part_end
            for line in content.splitlines(keepends=True):
                self.first = self.first or line
                self.last = line
                self.count += 1
        return end


def _lines(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    end = 0
    for line in file:
        if not line.endswith(b"\n"):
            return
        end += len(line)
        yield line, end


def _members(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the content of each whole member of a gzip file, and where it ends."""
    rest, end = b"", 0
    while True:
        inflater, content = zlib.decompressobj(wbits=31), b""
        while not inflater.eof:
            piece = rest or file.read(1 << 16)
            if not piece:
                return
            try:
                content += inflater.decompress(piece)
            except zlib.error:
                return
            end += len(piece)
            rest = b""
        rest = inflater.unused_data
        end -= len(rest)
        yield content, end
