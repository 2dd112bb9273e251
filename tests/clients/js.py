"""The JavaScript client of clients/js, run by Node and driven by a test."""

import json
from pathlib import Path
from typing import Any

from tests.support.node import Program
from tests.support.server import Server

DIRECTORY = Path(__file__).parents[2] / "clients" / "js"


class JsClient(Program):
    """One device (see clients/js/test/device.js). `call("send", …)` calls a method of the client."""

    def __init__(self, server: Server, store: Path | None = None, **options: Any) -> None:
        options = {"socket": {"reconnectionDelay": 50, "reconnectionDelayMax": 200}, **options}
        arguments = [json.dumps({"url": server.url, **options}), *([str(store)] if store else [])]
        super().__init__("test/device.js", *arguments, directory=DIRECTORY)

    def call(self, name: str, *data: Any) -> Any:
        """Return what the method returns; an error of the server as `{"failed": code}`."""
        answer = super().call(name, *data)
        assert name not in ("settle", "status", "until") or not isinstance(answer, dict), answer
        return answer

    def texts(self, conversation_id: str) -> list[str]:
        return [each["message"] for each in self.call("messages", conversation_id)]

    def kill(self) -> None:
        """End it at once, as when an app is swiped away."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.stdout.close()  # type: ignore[union-attr]
