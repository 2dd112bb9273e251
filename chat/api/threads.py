"""Threads: list the replies, list those that one follows, read, follow. And the messages that mention one."""

from typing import Any

from flask import Response

from ..actions import threads
from ..auth import Caller
from ..policy import budget, raises
from ..schemas.lists import ListSchema
from ..schemas.messages import MessageSchema
from ..schemas.threads import (
    FollowedThreadSchema,
    FollowThreadSchema,
    ListRepliesSchema,
    ReadThreadSchema,
    ThreadMemberSchema,
)
from ..storage import storage
from .answers import answer, answer_messages
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("threads", __name__, description="Read and follow threads; list mentions.")


@blueprint.get("/messages/<id:message_id>/thread")
@blueprint.arguments(ListRepliesSchema, location="query")
@blueprint.response(200, MessageSchema(many=True), headers=("Link", "X-Has-More-Before", "X-Has-More-After"))
@raises("message_not_found")
@budget("default")
def list_replies(caller: Caller, query: dict[str, Any], message_id: str) -> Response:
    """List the replies in the thread of a message, oldest first: a page before or after a number, or the newest.

    The message may be the root or a reply. A page ends early after 2 MiB. The `Link` headers lead to the rest.
    """
    page = storage.list_replies(caller, message_id, query["limit"], query.get("before_seq"), query.get("after_seq"))
    return answer_messages(page)


@blueprint.get("/threads")
@blueprint.arguments(ListSchema, location="query")
@blueprint.response(200, FollowedThreadSchema(many=True), headers=("Link",))
@budget("default")
def list_threads(caller: Caller, query: dict[str, Any]) -> Response:
    """List the threads that the caller follows, the one with the latest reply first, each as its root.

    Whoever started a thread that got a reply, wrote in one, or was mentioned in one follows it. The `Link` header leads
    to the next page.
    """
    return answer_list(storage.list_threads(caller, query["limit"], *place_of(query)))


@blueprint.put("/messages/<id:message_id>/thread/receipts")
@blueprint.arguments(ReadThreadSchema)
@blueprint.response(200, ThreadMemberSchema)
@raises("message_not_found")
@budget("default")
def read_thread(caller: Caller, body: dict[str, Any], message_id: str) -> Response:
    """Update how far the caller has read a thread; a lower number changes nothing."""
    return answer(threads.read(caller, message_id, body["read_seq"]))


@blueprint.put("/messages/<id:message_id>/thread/follow")
@blueprint.arguments(FollowThreadSchema)
@blueprint.response(200, ThreadMemberSchema)
@raises("message_not_found")
@budget("default")
def follow_thread(caller: Caller, body: dict[str, Any], message_id: str) -> Response:
    """Follow a thread."""
    return answer(threads.follow(caller, message_id, True))


@blueprint.delete("/messages/<id:message_id>/thread/follow")
@blueprint.caller()
@blueprint.response(200, ThreadMemberSchema)
@raises("message_not_found")
@budget("default")
def unfollow_thread(caller: Caller, message_id: str) -> Response:
    """Follow a thread no longer; only a reply of the caller's own changes that by itself."""
    return answer(threads.follow(caller, message_id, False))


@blueprint.get("/mentions")
@blueprint.arguments(ListSchema, location="query")
@blueprint.response(200, MessageSchema(many=True), headers=("Link",))
@budget("default")
def list_mentions(caller: Caller, query: dict[str, Any]) -> Response:
    """List the messages that mention the caller, newest first.

    The `Link` header leads to the next page.
    """
    return answer_list(storage.list_mentions(caller, query["limit"], *place_of(query)))
