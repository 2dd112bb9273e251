"""The events that clients send: connect, join, sendMessage, receipt, disconnect."""

import json
from typing import Any

from flask import request
from flask_socketio.namespace import Namespace
from socketio.exceptions import ConnectionRefusedError

from .. import auth
from ..actions import messages, receipts
from ..auth import tokens
from ..errors import Forbidden, NotFound, Unauthorized, ValidationFailed, explain, problem, request_id
from ..extensions import socket_server
from ..limits import limits
from ..realtime.presence import Session, presence
from ..schemas.events import JoinSchema, ReceiptEventSchema, SendMessageEventSchema
from ..storage import Actor, storage
from .payloads import receives

#: Events that have a budget of their own.
BUDGETS = {"on_sendMessage": "send"}


class ChatNamespace(Namespace):
    """The default namespace. In token mode a session is the token's user's from the handshake on."""

    def trigger_event(self, event: Any, *args: Any) -> Any:
        """Hand an event to its handler; one that is not known is told so.

        `connect` and `disconnect` come from the library, before a socket is connected and after. A client that sends
        an event of that name must not reach those handlers: its session would be forgotten, or another's.
        """
        sid = str(args[0])
        handler = getattr(self, f"on_{event}", None) if isinstance(event, str) else None
        is_from_client = socket_server.manager.is_connected(sid, self.namespace)
        if is_from_client and not hasattr(handler, "schema"):
            return {"error": problem(NotFound("event"), sid)}
        return super().trigger_event(event, *args)

    def on_connect(self, handshake: Any = None) -> None:
        """Accept the connection, or refuse it with the problem's code as message and the problem as data."""
        try:
            identity = _admit(handshake)
            if identity:
                storage.get_user(identity.actor)
                presence.join(_sid(), Session(identity.actor, identity.expires_at))
        except Exception as error:
            told = explain(error)
            raise ConnectionRefusedError(told.code, problem(told, request_id())) from None

    def on_disconnect(self, reason: Any = None) -> None:
        """Forget the session."""
        presence.leave(_sid())

    @receives(JoinSchema)
    def on_join(self, data: dict[str, Any]) -> dict[str, Any]:
        """Make the session the named user's, who a token may confirm; acknowledged `{user, …sync}`."""
        before = presence.session(_sid())
        session = _session_for(before, data.get("id"))
        answer = {"user": storage.get_user(session.actor)}
        presence.join(_sid(), session)
        if "since" in data:
            # The room first, the snapshot second: what commits in between arrives as an event, or both ways.
            answer |= json.loads(storage.sync(session.actor, data["since"], data["limit"]))
        return answer

    @receives(SendMessageEventSchema)
    def on_sendMessage(self, data: dict[str, Any]) -> dict[str, Any]:
        """Send a message, as the HTTP route does; acknowledged with the message."""
        return messages.send(_actor(), data["conversation_id"], data["message"], data["client_id"], own_sid=_sid())

    @receives(ReceiptEventSchema)
    def on_receipt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Move the user's pointers, as the HTTP route does; acknowledged with the receipt."""
        return receipts.update(
            _actor(), data["conversation_id"], data["read_seq"], data["delivered_seq"], own_sid=_sid()
        )

    def spend(self, handler: str) -> None:
        """Count an event against its sender's budget, the one of its requests. Raises 429 rate_limited."""
        session = presence.session(_sid())
        user_id = session.actor.user_id if session and session.has_token else None
        limits.spend(BUDGETS.get(handler, "default"), user_id, request.remote_addr)


def _sid() -> str:
    return request.sid  # type: ignore[attr-defined]


def _admit(handshake: Any) -> auth.Identity | None:
    """Return whom the handshake's token speaks for, None without one in open mode; it counts like a request."""
    identity = None
    try:
        identity = _identity(handshake)
        if identity is None and not auth.is_open():
            raise Unauthorized()
    finally:
        limits.spend("default", identity and identity.user_id, request.remote_addr)
    return identity


def _identity(handshake: Any) -> auth.Identity | None:
    token = handshake.get("token") if isinstance(handshake, dict) else None
    token = token or auth.bearer(request.headers.get("Authorization"))
    if token is not None and not isinstance(token, str):
        raise Unauthorized("token_invalid")
    return tokens.verify(token) if token else None


def _session_for(session: Session | None, named: str | None) -> Session:
    """Return the session after a `join`: a token's stays what it is, without one the named user's."""
    if session and session.has_token:
        if named and named != session.actor.user_id:
            raise Forbidden("identity_mismatch")
        return session
    if not auth.is_open():
        raise Unauthorized()
    if not named:
        raise ValidationFailed({"id": ["Missing data for required field."]})
    return Session(Actor(named))


def _actor() -> Actor:
    session = presence.session(_sid())
    if session is None:
        raise Unauthorized(detail="Send `join` first.")
    return session.actor
