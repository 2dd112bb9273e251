"""Users watch who is online."""

from typing import Any

from ..auth import Caller
from ..realtime.presence import presence
from ..storage import Seen, storage


def watch(caller: Caller, sid: str, user_ids: list[str]) -> dict[str, Any]:
    """Let a socket watch these users, in place of those before, and return `{presence}`: how they are now."""
    wanted = list(dict.fromkeys(user_ids))
    seen: list[Seen] = storage.watch_presence(caller, {"user_ids": wanted})
    return {"presence": presence.watch(sid, caller.user_id, wanted, seen)}
