"""Messages that wait for their time."""

from typing import Any

from ..actions import scheduled


def send_scheduled(payload: dict[str, Any]) -> None:
    """Send a scheduled message. The database sends it once, however often this runs."""
    scheduled.send(payload["id"], payload["user_id"], payload["conversation_id"], payload["send_at"])
