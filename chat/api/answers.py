"""How a route answers, and the headers of answers."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from ..storage import Page

JSON = "application/json"

#: What a link to a neighbouring page keeps of the query.
KEPT = ("user_id", "limit", "message_limit", "archived", "q", "conversation_id", "author_id", "emoji")

#: What each header of an answer says, and an example. Scripts of other origins may read all of them.
HEADERS = {
    "X-Request-ID": ("The request's `X-Request-ID`, or a new id; it stands in the log.", "0b9f2c1e-8f52-4a55"),
    "X-RateLimit-Limit": ("Requests allowed in a window; left out where there is no limit.", "1200"),
    "X-RateLimit-Remaining": ("Requests left in this window.", "1199"),
    "X-RateLimit-Reset": ("Seconds until the window ends.", "60"),
    "Retry-After": ("Seconds to wait before the next try.", "1"),
    "ETag": ("Names the content, which never changes.", '"0b8f7c52-91d4-4c7e-8e0a-2f6a5b9c0d06"'),
    "Accept-Ranges": ("That a part of it can be asked for with `Range`.", "bytes"),
    "Content-Range": ("Which bytes these are, and how many there are.", "bytes 0-1023/48213"),
    "Content-Disposition": ("Whether it may be shown, and what it is called (RFC 6266).", 'inline; filename="a.jpg"'),
    "Link": (
        "Where the neighbouring pages are, if there are any (RFC 8288).",
        '</conversations?limit=50&before=MjAy>; rel="next"',
    ),
    "X-Has-More-Before": ("Whether there are items before this page: `true` or `false`.", "false"),
    "X-Has-More-After": ("Whether there are items after this page: `true` or `false`.", "true"),
}


def header_references(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what the OpenAPI document says of an answer with these headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def answer(result: str | dict[str, Any]) -> Response:
    """Answer a result. JSON text goes out as it came from PostgreSQL, neither parsed nor written again."""
    text = result if isinstance(result, str) else orjson.dumps(result)
    return Response(text, mimetype=JSON)


def answer_page(page: Page, links: dict[str, dict[str, Any] | None]) -> Response:
    """Answer the items of a page with a `Link` for each relation that has a query, relative to this one."""
    response = answer(page.items)
    kept = {name: value for name, value in request.args.items() if name in KEPT}
    for relation, query in links.items():
        if query is not None:
            response.headers.add("Link", f'<{request.path}?{urlencode(kept | query)}>; rel="{relation}"')
    return response


def answer_messages(page: Page) -> Response:
    """Answer a page of messages, which goes on by their numbers before and after."""
    info = page.info
    response = answer_page(
        page,
        {
            "prev": {"before_seq": info["first_seq"]} if info["has_more_before"] else None,
            "next": {"after_seq": info["last_seq"]} if info["has_more_after"] else None,
        },
    )
    response.headers["X-Has-More-Before"] = str(info["has_more_before"]).lower()
    response.headers["X-Has-More-After"] = str(info["has_more_after"]).lower()
    return response
