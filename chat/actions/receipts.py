"""Messages are received and read."""

from typing import Any

from ..auth import Caller
from ..realtime.events import RECEIPT
from ..storage import storage
from .changes import commit


def update(caller: Caller, conversation_id: str, receipt: dict[str, Any]) -> dict[str, Any]:
    """Move the caller's pointers forward to `{read_seq, delivered_seq}`, announce it if one moved, and return them.

    Raises 404 conversation_not_found, also for a caller who is no member.
    """
    write = lambda: storage.update_receipt(caller, conversation_id, receipt)  # noqa: E731
    return commit(RECEIPT, caller, conversation_id, write, in_order=False)
