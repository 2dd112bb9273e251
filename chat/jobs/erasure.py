"""The rest of a person who was erased."""

from typing import Any

from ..actions import erasure


def erase_user(payload: dict[str, Any]) -> None:
    """Take an erased user out of every conversation; `payload` is `{user_id, keep_messages}`."""
    erasure.erase_traces(payload["user_id"], payload["keep_messages"])
