"""What the tests of the API driver share: a few SQL functions, the driver on a URL, and a gateway that misbehaves."""

import socket
import threading
from typing import Any

from chat.config import Config
from chat.storage.migrations import migrations
from chat.storage.supabase import SupabaseStorage

WANTED = migrations()

SCRATCH = f"""
    create function chat_get_schema() returns json language sql as $$
        select json_build_object('version', {WANTED.version}, 'functions_hash', '{WANTED.functions_hash}') $$;
    create function as_it_is(p_value json) returns json language sql as 'select p_value';
    create function nothing() returns void language sql as '';
    create function slow(p_seconds float8) returns json language plpgsql as $$
        begin perform pg_sleep(p_seconds); return to_json(pg_backend_pid()); end $$;
    create function fail(p_code text) returns json language plpgsql as $$
        begin raise exception using errcode = p_code, message = 'user_not_found', detail = 'Gone.'; end $$;
    create function secret() returns json language sql as 'select to_json(1)';
    revoke all on function secret() from public, service_role;
"""


def storage_on(url: str, key: str = "sb_secret_test", **settings: Any) -> SupabaseStorage:
    """Return the driver on a URL; nothing is sent yet."""
    return SupabaseStorage(Config(supabase_project_url=url, supabase_service_role_key=key, **settings))


class Gateway:
    """What may stand in front of PostgREST: for each connection it reads one request, sends `answer` and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def says(self, status: str, content_type: str, body: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer = (head + body).encode()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                size = 0
                while (line := stream.readline().lower()) not in (b"\r\n", b""):
                    if line.startswith(b"content-length:"):
                        size = int(line.partition(b":")[2])
                stream.read(size)
                self.requests += 1
                connection.sendall(self.answer)
