"""Files are taken in: looked at, made safe, stored."""

import re
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import Any

import orjson

from ..attachments import store
from ..attachments.sniff import HEAD, IMAGES, sniff
from ..attachments.store import disk_errors
from ..auth import Caller
from ..errors import ValidationFailed
from ..green import in_thread
from ..schemas.attachments import LONGEST_NAME, Upload
from ..storage import storage

#: Images that are worked on at once: each may take 400 MB for a moment.
images = BoundedSemaphore(2)

#: What no file name holds: controls, and what makes a name read in another direction than it is.
ODD = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def upload(caller: Caller, upload: Upload, name: str | None) -> str:
    """Store a file and return its attachment, as JSON; `name` in place of what its sender calls it.

    Raises 422 validation_failed for an image that is damaged or too large, 503 attachments_unavailable and 507
    attachments_full. Whatever fails leaves at most a row and a file that the next sweep deletes.
    """
    name = name or clean_name(upload.name)
    upload.file.seek(0)
    type = sniff(upload.file.read(HEAD), name)
    with ExitStack() as files:
        file, size, noted = upload.file, upload.size, dict[str, Any]()
        if type in IMAGES:
            file, thumbnail = files.enter_context(store.create()), files.enter_context(store.create())
            noted = _renew(upload, type, file, thumbnail)
            size = file.seek(0, 2)
            noted["thumbnail_size"] = thumbnail.seek(0, 2)
        id = orjson.loads(storage.add_attachment(caller, {"name": name, "type": type, "size": size} | noted))
        store.put(id, file, type)
        if noted:
            store.put(thumbnail_key(id), thumbnail, noted["thumbnail_type"])
    return storage.finish_attachment(caller, id)


def thumbnail_key(id: str) -> str:
    """Return the key in the store of an attachment's thumbnail."""
    return f"{id}-thumbnail"


def clean_name(name: str) -> str:
    """Return what a file is called: the last part of a path, at most so long, with its extension."""
    name = ODD.sub("", re.split(r"[/\\]", name)[-1]).strip(" .") or "file"
    if len(name) > LONGEST_NAME:
        stem, dot, extension = name.rpartition(".")
        end = dot + extension if stem and len(extension) <= 16 else ""
        name = name[: LONGEST_NAME - len(end)] + end
    return name


def _renew(upload: Upload, type: str, file: Any, thumbnail: Any) -> dict[str, Any]:
    """Write the image anew to `file` and a small one to `thumbnail`, and return what is noted of it."""
    from ..attachments.images import BadImage, renew  # takes 10 MB, which only a server with images needs

    try:
        with images, disk_errors():
            measured = in_thread(renew, upload.file, type, file, thumbnail)
    except BadImage as error:
        raise ValidationFailed({"file": [str(error)]}) from error
    return {"width": measured.width, "height": measured.height, "thumbnail_type": measured.thumbnail_type}
