"""Files in a private bucket of Supabase Storage, which is made when it is missing."""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import IO, Any, TypeVar, cast

import httpx
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from ..config import Config
from ..errors import ChatError, NotFound
from .store import AttachmentsFull, AttachmentsUnavailable, Part, Store, disk_errors
from .transport import StreamingTransport

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Files in one answer of a list, and in one request that deletes.
PAGE = 1000
#: What the service calls a file that is not there, by its age.
NO_FILE = ("not_found", "NoSuchKey")
NO_BUCKET = "Bucket not found"


class SupabaseStore(Store):
    """A store in the bucket ATTACHMENTS_BUCKET; the file of a key is `ab/abcd…`."""

    def __init__(self, config: Config) -> None:
        key = config.supabase_service_role_key
        self._url = f"{config.supabase_project_url.rstrip('/')}/storage/v1/"
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        self._http = httpx.Client(transport=StreamingTransport(config.storage_timeout))
        self._client = SyncStorageClient(self._url, self._headers, http_client=self._http)
        self._name = config.attachments_bucket
        self._bucket = self._client.from_(self._name)

    def create(self) -> IO[bytes]:
        with disk_errors():
            return cast(IO[bytes], tempfile.TemporaryFile())

    def put(self, key: str, file: IO[bytes], type: str) -> None:
        def upload() -> None:
            with open(os.dup(file.fileno()), "rb") as reader:
                reader.seek(0)
                # Overwriting, so that an upload that is sent again is no error.
                self._bucket.upload(_path(key), reader, {"content-type": type, "upsert": "true"})

        with disk_errors():
            file.flush()
        try:
            self._call(upload)
        except _NoBucket:
            self._make_bucket()
            self._call(upload)

    def read(self, key: str, start: int, stop: int) -> Part:
        headers = self._headers | {"Range": f"bytes={start}-{stop - 1}"} if stop > start else self._headers
        request = self._http.build_request("GET", f"{self._url}object/{self._name}/{_path(key)}", headers=headers)
        return ResponsePart(self._call(lambda: self._open(request)), start, stop)

    def delete(self, keys: list[str]) -> None:
        for first in range(0, len(keys), PAGE):
            paths = [_path(key) for key in keys[first : first + PAGE]]
            with suppress(_NoBucket):
                self._call(lambda paths=paths: self._bucket.remove(paths))  # type: ignore[misc]

    def files(self) -> Iterator[tuple[str, float]]:
        for number in range(256):
            yield from self._list(f"{number:02x}")

    def _list(self, folder: str) -> Iterator[tuple[str, float]]:
        first = 0
        with suppress(_NoBucket):
            while True:
                options: Any = {"limit": PAGE, "offset": first, "sortBy": {"column": "name", "order": "asc"}}
                found = self._call(lambda options=options: self._bucket.list(folder, options))  # type: ignore[misc]
                for each in found:
                    if each.get("id"):  # a file, not a folder
                        yield each["name"], time.time() - datetime.fromisoformat(each["updated_at"]).timestamp()
                first += len(found)
                if len(found) < PAGE:
                    return

    def _make_bucket(self) -> None:
        log.warning("the bucket %s is missing in Supabase Storage, and is made", self._name)
        try:
            self._call(lambda: self._client.create_bucket(self._name, options={"public": False}))
        except AttachmentsUnavailable as error:
            if "Duplicate" not in str(error.__cause__):  # another process was faster
                raise

    def _open(self, request: httpx.Request) -> httpx.Response:
        response = self._http.send(request, stream=True)
        if response.status_code in (200, 206):
            return response
        try:
            response.read()
            error = response.json()
            raise StorageApiError(error["message"], error["error"], error["statusCode"])
        except (ValueError, KeyError, TypeError):
            raise StorageApiError(response.text, "InternalError", response.status_code) from None
        finally:
            response.close()

    def _call(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except StorageApiError as error:
            status = str(error.status)
            if status == "404" and NO_BUCKET in (error.message, error.code):
                raise _NoBucket() from error
            if status == "404" and error.code in NO_FILE:
                raise NotFound("attachment") from error
            if status == "413":
                raise ChatError(413, "body_too_large", "The storage takes no file of this size.") from error
            if status == "507":
                raise AttachmentsFull() from error
            raise AttachmentsUnavailable() from error
        except httpx.HTTPError as error:
            raise AttachmentsUnavailable() from error


class _NoBucket(AttachmentsUnavailable):
    """The bucket is not there (yet): nothing was ever stored."""


class ResponsePart(Part):
    """The body of an answer: a part of a file, or all of a file where the service knows no ranges."""

    def __init__(self, response: httpx.Response, start: int, stop: int) -> None:
        self._response = response
        self._skip = start if response.status_code == 200 else 0
        self._size = stop - start

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._response.iter_raw():
            rest = piece[self._skip :]
            self._skip -= len(piece) - len(rest)
            rest = rest[: self._size]
            self._size -= len(rest)
            if rest:
                yield rest
            if self._size <= 0:
                return

    def close(self) -> None:
        self._response.close()


def _path(key: str) -> str:
    return f"{key[:2]}/{key}"
