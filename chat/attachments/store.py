"""What a store of files does."""

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from ..errors import ChatError

#: Bytes that are read and sent at once.
PIECE = 256 << 10


class Part(ABC):
    """The bytes of a file, or of a part of it, in pieces. Whoever has one closes it, read or not."""

    @abstractmethod
    def __iter__(self) -> Iterator[bytes]: ...

    @abstractmethod
    def close(self) -> None: ...


class Store(ABC):
    """Files by key. Each method raises 503 attachments_unavailable when the store does not answer.

    A key is the id of an attachment, or that with `-thumbnail`. A file is there as a whole or not at all.
    """

    @abstractmethod
    def create(self) -> IO[bytes]:
        """Return an empty file to write to, for `put`; closing it deletes it. Raises 507 attachments_full."""

    @abstractmethod
    def put(self, key: str, file: IO[bytes], type: str) -> None:
        """Keep what a file from `create` holds under a key. Raises 507 attachments_full."""

    @abstractmethod
    def read(self, key: str, start: int, stop: int) -> Part:
        """Return the bytes from `start` up to `stop`. Raises 404 attachment_not_found when the file is gone."""

    @abstractmethod
    def delete(self, keys: list[str]) -> None:
        """Delete files; those that are not there count as deleted."""

    @abstractmethod
    def files(self) -> Iterable[tuple[str, float]]:
        """Return the key and the age in seconds of every file.

        Those of uploads that have broken off have keys without an id; `delete` takes them too.
        """


class AttachmentsUnavailable(ChatError):
    """503: the store does not answer."""

    def __init__(self) -> None:
        super().__init__(503, "attachments_unavailable", retry_after=5)


class AttachmentsFull(ChatError):
    """507: the store has no room."""

    def __init__(self) -> None:
        super().__init__(507, "attachments_full")


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise what clients see for an error of the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AttachmentsFull() from error
        raise AttachmentsUnavailable() from error
