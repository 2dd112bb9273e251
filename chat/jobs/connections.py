"""What the Socket.IO libraries leave behind: sessions without a connection, connections without a session."""

from ..extensions import socket_server
from ..realtime.sessions import sessions


class CloseUnusedConnections:
    """The job: a connection may be without a session for one round, in which it says what it wants."""

    def __init__(self) -> None:
        self._without_session: set[str] = set()

    def __call__(self, _: float) -> None:
        forget_closed_connections()
        self._without_session = close_unjoined_connections(self._without_session)


def forget_closed_connections() -> None:
    """Forget the sessions whose connection broke off while they were being opened: the library tells nobody."""
    manager, connections = socket_server.manager, socket_server.eio.sockets
    for sid, _ in sessions:
        if manager.eio_sid_from_sid(sid, "/") not in connections:
            sessions.leave(sid)
            manager.disconnect(sid, "/", ignore_queue=True)


def close_unjoined_connections(before: set[str]) -> set[str]:
    """Close the connections without a session that were in `before` already; return those that have none now.

    They were refused, never asked for a session, or were disconnected and do not hang up.
    """
    manager, connections = socket_server.manager, socket_server.eio.sockets
    without_session = {each for each in connections if manager.sid_from_eio_sid(each, "/") is None}
    for each in without_session & before:
        connections[each].close(wait=False)
    return without_session
