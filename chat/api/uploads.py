"""How a file comes in: multipart, written to the store's disk while it comes, in bounded memory."""

from typing import IO, Any

from flask import after_this_request, current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected
from werkzeug.formparser import FormDataParser

from ..attachments import store
from ..attachments.store import disk_errors
from ..errors import ChatError, ValidationFailed
from ..schemas.attachments import Upload

MULTIPART = "multipart/form-data"
#: Bytes of a multipart body besides the file, and of what is parsed at once; parts that it may have.
MAX_REST = 128 << 10
MAX_PARTS = 20


def max_upload(limit: int) -> int:
    """Return how many bytes a body with a file of `limit` bytes may have."""
    return limit + MAX_REST


def receive() -> MultiDict[str, Any]:
    """Return the fields of the current request's body, its file as an `Upload`, which is deleted after the request.

    Raises 400 malformed_request, 413 body_too_large, 415 unsupported_media_type, 422 for two files, and what the store
    raises.
    """
    if request.mimetype != MULTIPART:
        if not request.content_length and "Transfer-Encoding" not in request.headers:
            return MultiDict()
        raise ChatError(415, "unsupported_media_type", "Send the file as multipart/form-data.")
    limit: int = current_app.config["CHAT"].max_attachment_bytes
    request.max_content_length = max_upload(limit)
    files: list[_Limited] = []

    def create(*_: Any, **__: Any) -> Any:
        if files:
            raise ValidationFailed({"file": ["Send one file."]})
        files.append(_Limited(store.create(), limit))
        return files[0]

    try:
        return _read(FormDataParser(create, MAX_REST, silent=False, max_form_parts=MAX_PARTS))
    except (ValueError, ClientDisconnected) as error:
        raise ChatError(400, "malformed_request", "The body is not valid multipart/form-data.") from error
    finally:
        for each in files:
            after_this_request(each.discard)


def _read(parser: FormDataParser) -> MultiDict[str, Any]:
    _, form, files = parser.parse(request.stream, MULTIPART, request.content_length, request.mimetype_params)
    content: MultiDict[str, Any] = MultiDict(form)
    for name, each in files.items():
        file: Any = each.stream
        content[name] = Upload(file.file, file.size, each.filename or "")
    return content


class _Limited:
    """A file that takes no more than so many bytes, as the parser writes it."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.file = file
        self.size = 0
        self._limit = limit

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise ChatError(413, "body_too_large", f"A file may have {self._limit} bytes.")
        with disk_errors():
            self.file.write(data)

    def seek(self, position: int) -> None:
        with disk_errors():
            self.file.seek(position)

    def discard(self, response: Any) -> Any:
        self.file.close()
        return response
