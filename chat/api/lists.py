"""Lists whose cursor is a time and an id: those of the last thing on a page."""

from typing import Any

from flask import Response

from ..schemas.fields import Id, Time
from ..storage import Page
from .answers import answer_page
from .cursors import make_cursor, parse_cursor


def place_of(query: dict[str, Any]) -> list[Any]:
    """Return the time and the id in a query's `before`, None twice without one. Raises 422 for no cursor of ours."""
    return parse_cursor(query["before"], Time(), Id()) if "before" in query else [None, None]


def answer_list(page: Page) -> Response:
    """Answer a page whose `info` is `{next: {at, id} or None}`."""
    following = page.info["next"]
    return answer_page(page, {"next": {"before": make_cursor(*following.values())} if following else None})
