"""Attachments: upload, read."""

import unicodedata
from typing import Any
from urllib.parse import quote

from flask import Response, request

from ..actions import attachments
from ..attachments import store
from ..attachments.sniff import INLINE
from ..auth import Caller
from ..errors import ChatError, NotFound
from ..policy import budget, raises
from ..schemas.attachments import AttachmentSchema, UploadSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("attachments", __name__, description="Upload files, and read them.")

BINARY = {"type": "string", "format": "binary"}
ANY = "*/*"
HEADERS = ("ETag", "Accept-Ranges", "Content-Disposition")
#: A file never changes; whether it may be read does.
CACHE = "private, max-age=3600"
#: Not even a file that a browser runs by mistake can do anything.
SANDBOX = "default-src 'none'; sandbox"


@blueprint.post("/attachments")
@blueprint.arguments(UploadSchema, location="files")
@blueprint.response(200, AttachmentSchema)
@raises("attachments_unavailable", "attachments_full")
@budget("upload")
def upload_attachment(caller: Caller, body: dict[str, Any]) -> Response:
    """Upload a file, to be sent with a message: `attachments: [id]`.

    Until then only its uploader can read it; what is not sent within a day is deleted. What it is, is read from its
    content. JPEG, PNG, GIF and WebP images are measured, turned upright and rid of their metadata, the place where they
    were taken included; they get a thumbnail.
    """
    return answer(attachments.upload(caller, body["file"], body.get("name")))


@blueprint.get("/attachments/<id:attachment_id>")
@blueprint.caller()
@blueprint.response(200, BINARY, content_type=ANY, headers=HEADERS)
@blueprint.also(206, BINARY, "The range that was asked for.", content_type=ANY, headers=(*HEADERS, "Content-Range"))
@blueprint.also(304, None, "The client has the file that `If-None-Match` names.", headers=HEADERS)
@raises("attachment_not_found", "range_not_satisfiable", "attachments_unavailable")
@budget("default")
def get_attachment(caller: Caller, attachment_id: str) -> Response:
    """Get the file of an attachment, whose type is in `Content-Type`.

    `Range` (one range) is answered with 206, `If-None-Match` with 304. Images, sound and films may be shown; everything
    else comes as a download.
    """
    found = storage.get_attachment(caller, attachment_id)
    return _serve(attachment_id, found["type"], found["size"], found["name"])


@blueprint.get("/attachments/<id:attachment_id>/thumbnail")
@blueprint.caller()
@blueprint.response(200, BINARY, content_type=ANY, headers=HEADERS)
@blueprint.also(206, BINARY, "The range that was asked for.", content_type=ANY, headers=(*HEADERS, "Content-Range"))
@blueprint.also(304, None, "The client has the file that `If-None-Match` names.", headers=HEADERS)
@raises("attachment_not_found", "range_not_satisfiable", "attachments_unavailable")
@budget("default")
def get_thumbnail(caller: Caller, attachment_id: str) -> Response:
    """Get a small image of an attachment: JPEG or, with transparency, PNG, 480 pixels wide and high at most."""
    found = storage.get_attachment(caller, attachment_id)
    if found["thumbnail_type"] is None or found["thumbnail_size"] is None:
        raise NotFound("attachment")
    key = attachments.thumbnail_key(attachment_id)
    return _serve(key, found["thumbnail_type"], found["thumbnail_size"], found["name"])


def _serve(key: str, type: str, size: int, name: str) -> Response:
    """Answer a file, or the range of it that the request asks for."""
    response = Response(mimetype=type)
    response.set_etag(key)
    response.headers["Cache-Control"] = CACHE
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = _disposition(type, name)
    response.headers["Content-Security-Policy"] = SANDBOX
    if request.if_none_match.contains(key):
        response.status_code = 304
        return response
    start, stop = 0, size
    if (asked := _range(key, size)) is not None:
        start, stop = asked
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.content_length = stop - start
    response.response = store.read(key, start, stop) if request.method != "HEAD" else ()
    return response


def _range(key: str, size: int) -> tuple[int, int] | None:
    """Return the first byte of the range that is asked for and the one after its last, None for the whole file.

    Raises 416 range_not_satisfiable.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None  # a server need not answer several ranges
    if "If-Range" in request.headers and not (request.if_range.etag and request.if_range.etag == key):
        return None
    begin, end = asked.ranges[0]
    found = (max(size + begin, 0), size) if begin < 0 and end is None else asked.range_for_length(size)
    if found is None:
        error = ChatError(416, "range_not_satisfiable")
        error.headers["Content-Range"] = f"bytes */{size}"
        raise error
    return found


def _disposition(type: str, name: str) -> str:
    """Return the header that says how a file is shown and what it is called (RFC 6266, RFC 8187)."""
    way = "inline" if type in INLINE else "attachment"
    safe = _harmless(name)
    ascii = _harmless(unicodedata.normalize("NFKD", safe)).encode("ascii", "ignore").decode() or "file"  # ＂ becomes "
    header = f'{way}; filename="{ascii}"'
    return header if ascii == safe else f"{header}; filename*=UTF-8''{quote(safe, safe='')}"


def _harmless(name: str) -> str:
    return "".join("_" if unicodedata.category(each) in ("Cc", "Cf") or each in '/\\"' else each for each in name)
