"""What the imports of other products' data share."""

import json
from datetime import datetime, timedelta
from typing import Any

#: A table and a row of it.
Row = tuple[str, dict[str, Any]]

#: Bytes of what is kept in `custom`; what is larger is left out.
MAX_CUSTOM = 4096


def kept_custom(own: dict[str, Any]) -> dict[str, Any]:
    """Return an app's own fields if they are not too large."""
    return own if len(json.dumps(own, ensure_ascii=False).encode()) <= MAX_CUSTOM else {}


def strictly_after(previous: str, at: str) -> str:
    """Return a time, moved behind the one before it: in a conversation no two messages have the same."""
    if at > previous:
        return at
    return (datetime.fromisoformat(previous) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
