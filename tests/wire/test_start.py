"""What a start does not import, and what the server does not wait for."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from tests.support.server import WSGI, Server

#: Says which modules are there when the server has started, and ends.
IMPORTED = f"""
import gc, os, runpy, sys
sys.path.insert(0, {str(WSGI.parent)!r})

def started():
    print(*sorted(sys.modules), file=sys.stderr, flush=True)
    os.kill(os.getpid(), 15)

gc.freeze = started
runpy.run_path({str(WSGI)!r}, run_name="__main__")
"""
#: What only other settings need: identity providers, Supabase, Redis; and what nobody needs.
NEEDLESS = {"dns", "redis", "valkey", "limits", "jwt", "cryptography", "supabase", "httpx", "urllib3", "requests"}

#: The real server with a name server that takes three seconds, and a route that looks up a name.
SLOW_NAMES = f"""
import runpy, sys
sys.path.insert(0, {str(WSGI.parent)!r})
import eventlet
eventlet.monkey_patch()
from chat import app as module
from chat.policy import budget, public
from chat import green

real = green.socket.getaddrinfo
def slow(host, *args, **options):
    if host == "localhost":
        eventlet.patcher.original("time").sleep(3)
    return real(host, *args, **options)
green.socket.getaddrinfo = slow
make = module.create_app

def create_app(*args):
    app = make(*args)

    @app.get("/toy/name")
    @public()
    @budget(None)
    def name():
        import socket
        return {{"address": socket.getaddrinfo("localhost", 80)[0][4][0]}}

    return app

module.create_app = create_app
runpy.run_path({str(WSGI)!r}, run_name="__main__")
"""


def test_a_start_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data"), "PORT": "0", "LOG_LEVEL": "warning", "AUTH_MODE": "open"}
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    imported = {name.partition(".")[0] for name in ended.stderr.split()}
    assert {"flask", "psycopg", "socketio"} <= imported
    assert not imported & NEEDLESS


def test_who_looks_up_a_name_keeps_nobody_waiting(tmp_path: Path, make_server: Callable[..., Server]) -> None:
    script = tmp_path / "slow_names.py"
    script.write_text(SLOW_NAMES)
    server = make_server(script)
    answers: list[str] = []
    thread = Thread(target=lambda: answers.append(server.request("GET", "/toy/name").json()["address"]))
    thread.start()
    time.sleep(0.2)
    for _ in range(10):
        assert server.request("GET", "/health").status == 200
    assert answers == []  # it still waits, and the others have been served
    thread.join()
    assert answers[0] in ("127.0.0.1", "::1")
