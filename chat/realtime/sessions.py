"""Sessions: which user each socket belongs to, and which sockets each user has.

A user may have many sessions, a session has one user. The room named like the user's id holds the
user's sockets, so one `emit` reaches every device of every recipient and encodes the event once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from flask import current_app
from flask_socketio import join_room, leave_room
from werkzeug.local import LocalProxy

from ..auth import Caller
from ..errors import TooManyRequests
from ..extensions import socket_server


class Session(NamedTuple):
    """One socket's caller; `expires_at` (Unix seconds) when a token speaks for it."""

    caller: Caller
    expires_at: float | None = None

    @property
    def has_token(self) -> bool:
        """Whether a token speaks for the user; without one the client only says who it is."""
        return self.expires_at is not None


class Sessions:
    """The sessions of this process. Each of `on_leave` is called with the sid of a session that ends."""

    def __init__(self, max_per_user: int, on_leave: Iterable[Callable[[str], None]] = ()) -> None:
        self._on_leave = tuple(on_leave)
        self._max_per_user = max_per_user
        self._sessions: dict[str, Session] = {}
        self._sids: defaultdict[str, set[str]] = defaultdict(set)

    def join(self, sid: str, session: Session) -> None:
        """Make the socket the session's user's, in place of whoever's it was before.

        Raises 429 too_many_sessions when the user has as many sockets as one may have.
        """
        if socket_server.manager.eio_sid_from_sid(sid, "/") is None:
            return  # it disconnected while the database was asked; `leave` was called already
        user_id = session.caller.user_id
        own = self._sids.get(user_id, set())
        if sid not in own and len(own) >= self._max_per_user:
            raise TooManyRequests("too_many_sessions", retry_after=30)
        before = self._sessions.get(sid)
        if before and before.caller.user_id != user_id:
            self.leave(sid)
            leave_room(before.caller.user_id, sid, namespace="/")
        self._sessions[sid] = session
        self._sids[user_id].add(sid)
        join_room(user_id, sid, namespace="/")

    def leave(self, sid: str) -> None:
        """Forget the socket; the user's other sessions stay."""
        session = self._sessions.pop(sid, None)
        if session:
            own = self._sids[session.caller.user_id]
            own.discard(sid)
            if not own:
                del self._sids[session.caller.user_id]
            for call in self._on_leave:
                call(sid)

    def get(self, sid: str) -> Session | None:
        """Return the socket's session, None before it has joined."""
        return self._sessions.get(sid)

    def owns(self, user_id: str, sid: str | None) -> bool:
        """Whether the socket is one of the user's."""
        return sid is not None and sid in self._sids.get(user_id, ())

    def connected(self, user_ids: Iterable[str]) -> list[str]:
        """Return those of the users who have a socket here."""
        return [user_id for user_id in user_ids if user_id in self._sids]

    def user_ids(self) -> set[str]:
        """Return all users who have a socket here."""
        return set(self._sids)

    def of_user(self, user_id: str) -> list[tuple[str, Session]]:
        """Return the user's sockets."""
        return [(sid, self._sessions[sid]) for sid in self._sids.get(user_id, ())]

    def __iter__(self) -> Iterator[tuple[str, Session]]:
        return iter(list(self._sessions.items()))

    def __bool__(self) -> bool:
        return bool(self._sids)


#: The current app's sessions.
sessions = cast(Sessions, LocalProxy(lambda: current_app.extensions["sessions"]))
