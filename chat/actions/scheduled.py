"""Messages are scheduled, and sent at their time."""

from typing import Any

from ..auth import Caller
from ..realtime.events import MESSAGE
from ..storage import storage
from .changes import commit
from .jobs import wake_runner


def create(caller: Caller, conversation_id: str, draft: dict[str, Any], send_at: str) -> dict[str, Any]:
    """Schedule a draft, and return the scheduled message. Raises what `storage.schedule_message` raises."""
    scheduled = storage.schedule_message(caller, conversation_id, draft, send_at)
    wake_runner()
    return scheduled


def update(caller: Caller, scheduled_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change a scheduled message, and return it. Raises what `storage.update_scheduled` raises."""
    send_at = changes.pop("send_at", None)
    scheduled = storage.update_scheduled(caller, scheduled_id, changes, send_at)
    wake_runner()
    return scheduled


def delete(caller: Caller, scheduled_id: str) -> str:
    """Delete a scheduled message, and return it (JSON text). Raises 404 scheduled_not_found."""
    return storage.delete_scheduled(caller, scheduled_id)


def send(scheduled_id: str, user_id: str, conversation_id: str, send_at: str) -> None:
    """Send a message that was scheduled for this time, unless that has changed, and announce it, or that it failed."""
    write = lambda: storage.send_scheduled(scheduled_id, send_at)  # noqa: E731
    commit(MESSAGE, Caller(user_id), conversation_id, write)
