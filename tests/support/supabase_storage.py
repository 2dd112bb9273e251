"""A stand-in for Supabase Storage: it answers as the service does, its odd statuses included; files are in memory."""

import json
import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

KEY = "sb_secret_test"


class StorageStandIn:
    """The service at `url`, whose files are in `buckets`. While it is `down` it answers as its gateway does."""

    def __init__(self, *buckets: str) -> None:
        self.buckets: dict[str, dict[str, tuple[bytes, str, datetime]]] = {name: {} for name in buckets}
        self.down = False
        self.knows_ranges = True
        self.most_bytes = 50 << 20
        self.calls: list[str] = []
        stand_in = self

        class Bound(Handler):
            storage = stand_in

        self._server = Quiet(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "StorageStandIn":
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, *_: Any) -> None:
        pass


class Refused(Exception):
    """What the service answers: HTTP 400 with the true status in the body, but for 500."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.body = {"statusCode": str(status), "error": error, "message": message}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together
    storage: StorageStandIn

    def log_message(self, *_: Any) -> None:
        pass

    def do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        path = unquote(self.path.partition("?")[0]).removeprefix("/storage/v1/")
        self.storage.calls.append(f"{self.command} {path}")
        if self.storage.down:
            self.rfile.read(length)
            self._send(503, b"<html>upstream connect error</html>", "text/html")
            return
        try:
            if self.headers["apikey"] != KEY or self.headers["Authorization"] != f"Bearer {KEY}":
                raise Refused(403, "Unauthorized", "Invalid Compact JWS")
            self._answer(path, length)
        except Refused as refused:
            self._send(400, json.dumps(refused.body).encode())

    do_GET = do_POST = do_DELETE = do

    def _answer(self, path: str, length: int) -> None:
        if path == "bucket":
            return self._make_bucket(json.loads(self.rfile.read(length)))
        if listed := re.fullmatch("object/list/([^/]+)", path):
            return self._list(listed[1], json.loads(self.rfile.read(length)))
        if self.command == "DELETE":
            return self._remove(path.removeprefix("object/"), json.loads(self.rfile.read(length)))
        name, _, key = path.removeprefix("object/").partition("/")
        return self._download(name, key) if self.command == "GET" else self._upload(name, key, length)

    def _bucket(self, name: str) -> dict[str, tuple[bytes, str, datetime]]:
        if name not in self.storage.buckets:
            raise Refused(404, "Bucket not found", "Bucket not found")
        return self.storage.buckets[name]

    def _make_bucket(self, body: Any) -> None:
        if body["id"] in self.storage.buckets:
            raise Refused(409, "Duplicate", "The resource already exists")
        assert body["public"] is False
        self.storage.buckets[body["id"]] = {}
        self._send(200, json.dumps({"name": body["id"]}).encode())

    def _upload(self, name: str, key: str, length: int) -> None:
        mimetype, options = parse_options_header(self.headers["Content-Type"])
        parser = FormDataParser(lambda **_: BytesIO(), silent=False)
        _, _, files = parser.parse(_Body(self.rfile, length), mimetype, length, options)  # type: ignore[arg-type]
        bucket = self._bucket(name)
        data = files["file"].read()
        if len(data) > self.storage.most_bytes:
            raise Refused(413, "Payload too large", "The object exceeded the maximum allowed size")
        if key in bucket and self.headers.get("x-upsert") != "true":
            raise Refused(409, "Duplicate", "The resource already exists")
        bucket[key] = (data, files["file"].mimetype, datetime.now(UTC))
        self._send(200, json.dumps({"Key": f"{name}/{key}", "Id": "0b7e7a3c-4f0e-4c2f-9a39-0a4f6b9b0c11"}).encode())

    def _download(self, name: str, key: str) -> None:
        bucket = self._bucket(name)
        if key not in bucket:
            raise Refused(404, "not_found", "Object not found")
        data, type, _ = bucket[key]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if asked and self.storage.knows_ranges:
            start, end = int(asked[1]), int(asked[2])
            part = data[start : end + 1]
            self._send(206, part, type, {"Content-Range": f"bytes {start}-{end}/{len(data)}"})
        else:
            self._send(200, data, type)

    def _remove(self, name: str, body: Any) -> None:
        bucket = self._bucket(name)
        removed = [{"name": key} for key in body["prefixes"] if bucket.pop(key, None)]
        self._send(200, json.dumps(removed).encode())

    def _list(self, name: str, body: Any) -> None:
        assert body["limit"] <= 1000
        folder = body["prefix"].rstrip("/") + "/"
        found = sorted((key, at) for key, (_, _, at) in self._bucket(name).items() if key.startswith(folder))
        page = found[body["offset"] : body["offset"] + body["limit"]]
        listed = [
            {"name": key.removeprefix(folder), "id": key, "updated_at": at.isoformat().replace("+00:00", "Z")}
            for key, at in page
        ]
        self._send(200, json.dumps(listed).encode())

    def _send(
        self, status: int, body: bytes, type: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Body:
    """So much of a connection."""

    def __init__(self, file: Any, length: int) -> None:
        self._file, self._rest = file, length

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(min(self._rest, size) if size >= 0 else self._rest)
        self._rest -= len(data)
        return data
