"""The callers, in a process of their own: each sends messages one after the other, each is heard by one socket.

    python bench/load.py URL rest|socket CALLERS SECONDS

prints one line of JSON: sends a second, median and p95 of the milliseconds from a send to its answer, how many were
sent and how many heard. Socket.IO is spoken by hand, since a whole client's work would weigh more than the server's.
"""

import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import websocket

#: Seconds before the measurement, in which connections are made and code is warmed up.
WARM_UP = 0.5
TEXT = "Is the kettle on? " * 5

Send = Callable[[], None]


class Http:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content)


class Socket:
    """One joined Socket.IO session over a WebSocket."""

    def __init__(self, url: str, user_id: str) -> None:
        address = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        self._socket = websocket.create_connection(address, timeout=30)
        self._socket.recv()
        self._socket.send("40")
        self._socket.recv()
        self._sent = 0
        self.heard = 0
        self.call("join", {"id": user_id})

    def call(self, event: str, data: dict[str, Any]) -> None:
        """Send an event and wait for its acknowledgement."""
        self._sent += 1
        self._socket.send(f"42{self._sent}{json.dumps([event, data])}")
        acknowledged = f"43{self._sent}["
        while not (packet := self._receive()).startswith(acknowledged):
            pass
        assert '"error"' not in packet[:20], packet

    def listen(self) -> None:
        """Count the messages that arrive, until the process ends."""
        self._socket.settimeout(None)
        while True:
            self.heard += self._receive().startswith('42["message"')

    def _receive(self) -> str:
        packet = str(self._socket.recv())
        if packet == "2":
            self._socket.send("3")
        return packet


def main(url: str, way: str, callers: str, seconds: str) -> None:
    sends, listeners = zip(*(_pair(url, way) for _ in range(int(callers))), strict=True)
    starts_at = time.monotonic() + WARM_UP
    ends_at = starts_at + float(seconds)
    times: list[tuple[float, float]] = []  # of each send: when it began, when it was answered

    def run(send: Send) -> None:
        while (began := time.monotonic()) < ends_at:
            send()
            times.append((began, time.monotonic()))

    threads = [threading.Thread(target=run, args=(send,)) for send in sends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _wait_until(lambda: sum(each.heard for each in listeners) == len(times))
    counted = [(answered - began) * 1000 for began, answered in times if starts_at <= answered < ends_at]
    result = {
        "rate": len(counted) / float(seconds),
        "median": statistics.median(counted),
        "p95": statistics.quantiles(counted, n=20)[-1],
        "sent": len(times),
        "heard": sum(each.heard for each in listeners),
    }
    print(json.dumps(result))


def _pair(url: str, way: str) -> tuple[Send, Socket]:
    """Make a conversation of two; return how one of them sends, and the other's socket."""
    http = Http(url)
    caller, friend = (http.post("/users/create", {"username": name})["id"] for name in ("caller", "friend"))
    opening = {"owner_id": caller, "participant_ids": [friend], "group_name": "bench"}
    room = http.post("/conversations/create", opening)["id"]
    listener = Socket(url, friend)
    threading.Thread(target=listener.listen, daemon=True).start()
    if way == "rest":
        path, body = f"/conversations/{room}/messages/create", {"user_id": caller, "message": TEXT}
        return lambda: http.post(path, body), listener
    socket, payload = Socket(url, caller), {"conversation_id": room, "message": TEXT}
    return lambda: socket.call("sendMessage", payload), listener


def _wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
