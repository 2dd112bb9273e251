"""The events that clients send: connect, join, sendMessage, receipt, typing, watchPresence, disconnect."""

from typing import Any

import orjson
from flask import g, request
from flask_socketio.namespace import Namespace
from socketio.exceptions import ConnectionRefusedError

from ..actions import messages, presence, receipts, sync
from ..auth import Caller
from ..auth.caller import is_open
from ..auth.tokens import Identity, bearer, tokens
from ..errors import Forbidden, NotFound, Unauthorized, ValidationFailed, problem, request_id, to_chat_error
from ..extensions import socket_server
from ..limits import limits
from ..policy import announces, budget, policy_of, raises
from ..realtime.sessions import Session, sessions
from ..realtime.typing import typing
from ..schemas.events import JoinedSchema, JoinSchema, ReceiptEventSchema, SendMessageEventSchema
from ..schemas.fields import parse_id
from ..schemas.messages import SEND_ANSWER
from ..schemas.presence import PresencesSchema, TypingEventSchema, TypingSchema, WatchPresenceSchema
from ..schemas.receipts import ReceiptSchema
from ..schemas.sync import SyncedSchema
from ..storage import storage
from .receives import receives

#: Without `since` and `cursor` the user is all that `join` answers.
JOINED = JoinedSchema(partial=tuple(SyncedSchema().fields))


class ChatNamespace(Namespace):
    """The default namespace. A handshake with a token or, in open mode, an id says whose session it is."""

    def trigger_event(self, event: Any, *args: Any) -> Any:
        """Hand an event to its handler; an unknown one is acknowledged with 404 event_not_found.

        `connect` and `disconnect` come from the library, before a socket is connected and after. A client that sends
        an event of that name must not reach those handlers: its session would be forgotten, or another's.
        """
        sid, *data = args
        if event == "connect" and not socket_server.manager.is_connected(sid, self.namespace):
            return super().trigger_event(event, *args)
        environ = socket_server.get_environ(sid, self.namespace)
        if not environ:
            return None  # the socket has gone meanwhile
        # The app's context and no request's: that would cost more than most handlers do.
        with environ["flask.app"].app_context():
            g.sid, g.address = sid, environ["REMOTE_ADDR"]
            if event == "disconnect" and not socket_server.manager.is_connected(sid, self.namespace):
                return self.on_disconnect(*data)
            handler: Any = getattr(self, f"on_{event}", None) if isinstance(event, str) else None
            is_known = hasattr(handler, "schema")
            answer = handler(*data) if is_known else {"error": problem(NotFound("event"), sid)}
            if "error" in answer and answer["error"]["code"] in ("rate_limited", "event_not_found"):
                self._refused(sid)
            return answer

    def _refused(self, sid: str) -> None:
        """Tell the connection, which is not kept when it goes on like this; only our own server counts."""
        connection = socket_server.eio.sockets.get(socket_server.manager.eio_sid_from_sid(sid, self.namespace))
        if hasattr(connection, "refused"):
            connection.refused()

    @raises("token_expired", "too_many_sessions", "validation_failed", "identity_mismatch")
    @budget("default")
    def on_connect(self, handshake: Any = None) -> None:
        """Accept the connection, or refuse it with the problem's code as message and the problem as data."""
        g.sid, g.address = request.sid, request.remote_addr  # type: ignore[attr-defined]
        try:
            session = _admit(handshake, policy_of(self.on_connect).budget)
            if session:
                storage.get_user(session.caller)
                sessions.join(_sid(), session)
        except Exception as error:
            chat_error = to_chat_error(error)
            raise ConnectionRefusedError(chat_error.code, problem(chat_error, request_id())) from None

    def on_disconnect(self, reason: Any = None) -> None:
        """Forget the session."""
        sessions.leave(_sid())

    @receives(JoinSchema, acknowledges=JOINED)
    @raises("identity_mismatch", "too_many_sessions")
    @budget("default")
    def on_join(self, data: dict[str, Any]) -> dict[str, Any]:
        """Make this the session of the named user, who must be the token's when there is one."""
        session = _session_for(sessions.get(_sid()), data.get("id"))
        with sync.lane:
            answer = {"user": storage.get_user(session.caller)}
            sessions.join(_sid(), session)
            if "since" in data or "cursor" in data:
                # The room first, the snapshot second: what commits in between arrives as an event, or both ways.
                missed = storage.sync(session.caller, data.get("since"), data.get("cursor"), data["limit"])
                answer |= orjson.loads(missed)
        return answer

    @receives(SendMessageEventSchema, acknowledges=SEND_ANSWER)
    @raises(*messages.SEND_ERRORS)
    @announces("message")
    @budget("send")
    def on_sendMessage(self, data: dict[str, Any]) -> dict[str, Any]:
        """Send a message. Repeated with the same `client_id` it is sent once; with `send_at` it is scheduled."""
        return messages.send(_caller(), data.pop("conversation_id"), data)

    @receives(ReceiptEventSchema, acknowledges=ReceiptSchema())
    @raises("conversation_not_found")
    @announces("receipt")
    @budget("default")
    def on_receipt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Update how far the user has received or read; a lower number changes nothing."""
        return receipts.update(_caller(), data.pop("conversation_id"), data)

    @receives(TypingEventSchema, acknowledges=TypingSchema())
    @raises("conversation_not_found")
    @announces("typing")
    @budget("default")
    def on_typing(self, data: dict[str, Any]) -> dict[str, Any]:
        """Say that the user types, or does no longer; over by itself after seven seconds, at a send, at a disconnect.

        The other members hear it, unless there is a block between. A repetition within a second is dropped.
        """
        return typing.say(_caller(), data["conversation_id"], data["is_typing"])

    @receives(WatchPresenceSchema, acknowledges=PresencesSchema())
    @budget("default")
    def on_watchPresence(self, data: dict[str, Any]) -> dict[str, Any]:
        """Watch who is online, in place of those watched before: this socket hears `presence` when that changes.

        Users who share no conversation with the session's user are left out. Those who share no presence, or with whom
        there is a block, look as if they had never been here; who shares none sees all others so.
        """
        return presence.watch(_caller(), _sid(), data["user_ids"])

    def spend(self, kind: str | None) -> None:
        """Count an event against the limit of this kind, which its sender's requests share. Raises 429 rate_limited."""
        if kind is None:
            return
        session = sessions.get(_sid())
        user_id = session.caller.user_id if session and session.has_token else None
        limits.spend(kind, user_id, g.address)


def _sid() -> str:
    sid: str = g.sid
    return sid


def _admit(handshake: Any, kind: str | None) -> Session | None:
    """Return the session of the handshake's user, None when it names nobody in open mode; it counts like a request."""
    identity = None
    try:
        identity = _identity(handshake)
        named = _named(handshake)
    finally:
        if kind:
            limits.spend(kind, identity and identity.user_id, g.address)
    if identity is None and named is None and is_open():
        return None
    known = identity and Session(Caller(identity.user_id, identity.issued_at, _sid()), identity.expires_at)
    return _session_for(known, named)


def _identity(handshake: Any) -> Identity | None:
    token = handshake.get("token") if isinstance(handshake, dict) else None
    token = token or bearer(request.headers.get("Authorization"))
    if token is not None and not isinstance(token, str):
        raise Unauthorized("token_invalid")
    return tokens.verify(token) if token else None


def _named(handshake: Any) -> str | None:
    named = handshake.get("id") if isinstance(handshake, dict) else None
    if named is None:
        return None
    user_id = parse_id(named)
    if user_id is None:
        raise ValidationFailed({"id": ["Not a valid UUID."]})
    return user_id


def _session_for(session: Session | None, named: str | None) -> Session:
    """Return the session after a user was named: one with a token stays as it is, another becomes the named user's.

    Without a name it stays too. Raises 403 identity_mismatch, 401 in token mode, 422 when nobody was ever named.
    """
    if session and session.has_token:
        if named and named != session.caller.user_id:
            raise Forbidden("identity_mismatch")
        return session
    if not is_open():
        raise Unauthorized()
    if named:
        return Session(Caller(named, None, _sid()))
    if session is None:
        raise ValidationFailed({"id": ["Missing data for required field."]})
    return session


def _caller() -> Caller:
    session = sessions.get(_sid())
    if session is None:
        raise Unauthorized(detail="Send `join` first, or `auth: {id}` in the handshake.")
    return session.caller
