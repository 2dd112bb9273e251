"""Which sockets are in which rooms, with an index by socket, and the one way out to all of a room's sockets.

python-socketio's own manager walks every room when a socket closes, which stops the server for a minute when
ten thousand close at once, and keeps a two-way dictionary for each socket and each room.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.manager import Manager
from socketio.packet import EVENT

from .packets import Packet

Room = dict[str, str]


class Rooms(Manager):
    """The rooms of one process. A socket's own room, named like its sid, is not kept: the sid says it all."""

    server: Any

    def __init__(self) -> None:
        super().__init__()
        #: By namespace: the Engine.IO sid of each socket, and the other way round.
        self._eio_sids: dict[str, Room] = {}
        self._sids: dict[str, Room] = {}
        #: By namespace and name.
        self.rooms: dict[str, dict[str, Room]] = {}
        self._rooms_of: dict[str, tuple[str, ...]] = {}
        self.pending_connect: dict[str, set[str]] = {}
        self.pending_disconnect: dict[str, set[str]] = {}

    # sockets

    def get_namespaces(self) -> Iterable[str]:
        return self._eio_sids.keys()

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        if eio_sid in self._sids.setdefault(namespace, {}):
            return None
        sid: str = self.server.eio.generate_id()
        self._sids[namespace][eio_sid] = sid
        self._eio_sids.setdefault(namespace, {})[sid] = eio_sid
        self.pending_connect.setdefault(namespace, set()).add(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str:
        self.pending_connect[namespace].discard(sid)
        return sid

    def is_connected(self, sid: str, namespace: str) -> bool:
        return (
            sid in self._eio_sids.get(namespace, ())
            and sid not in self.pending_connect.get(namespace, ())
            and sid not in self.pending_disconnect.get(namespace, ())
        )

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        return self._sids.get(namespace, {}).get(eio_sid)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        return self._eio_sids.get(namespace, {}).get(sid)

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        self.pending_disconnect.setdefault(namespace, set()).add(sid)
        return self.eio_sid_from_sid(sid, namespace)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        for room in self._rooms_of.get(sid, ()):
            self.basic_leave_room(sid, namespace, room)
        eio_sid = self._eio_sids.get(namespace, {}).pop(sid, None)
        if eio_sid:
            self._sids[namespace].pop(eio_sid, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            pending.get(namespace, set()).discard(sid)

    # rooms

    def is_sid_room(self, namespace: str, room: str) -> bool:
        return room in self._eio_sids.get(namespace, ())

    def basic_enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        if eio_sid is None:
            raise ValueError("sid is not connected to requested namespace")
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        self.rooms.setdefault(namespace, {}).setdefault(room, {})[sid] = eio_sid
        mine = self._rooms_of.get(sid, ())
        if room not in mine:
            self._rooms_of[sid] = (*mine, room)

    def basic_leave_room(self, sid: str, namespace: str, room: str) -> None:
        rooms = self.rooms.get(namespace, {})
        if rooms.get(room, {}).pop(sid, None) is not None and not rooms[room]:
            del rooms[room]
        left = tuple(each for each in self._rooms_of.get(sid, ()) if each != room)
        if left:
            self._rooms_of[sid] = left
        else:
            self._rooms_of.pop(sid, None)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        is_connected = sid in self._eio_sids.get(namespace, ())
        return [sid, *self._rooms_of.get(sid, ())] if is_connected else []

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Return sid and Engine.IO sid of each socket in a room, in one of several rooms, or in all (None)."""
        eio_sids, rooms = self._eio_sids.get(namespace, {}), self.rooms.get(namespace, {})
        if room is None:
            return iter(list(eio_sids.items()))
        found: Room = {}
        for name in [room] if isinstance(room, str) else room:
            if name in rooms:
                found.update(rooms[name])
            elif name in eio_sids:
                found[name] = eio_sids[name]
        return iter(found.items())

    # events

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Send an event to every socket of a room or of several: encoded once, written to each without a queue."""
        if callback:
            super().emit(event, data, namespace, room, skip_sid, callback, to)
            return
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        encoded = Packet(EVENT, namespace=namespace, data=[event, *arguments]).encode()
        packets = [EnginePacket(MESSAGE, part) for part in (encoded if isinstance(encoded, list) else [encoded])]
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        sockets = self.server.eio.sockets
        for sid, eio_sid in self.get_participants(namespace, to or room):
            socket = sockets.get(eio_sid)
            if socket and sid not in skipped:
                for packet in packets:
                    socket.send(packet)
