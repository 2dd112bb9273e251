"""The example configurations of nginx and Caddy, each in front of the real server; only addresses are changed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import socketio

from tests.support.identity import TOKEN_MODE
from tests.support.server import Server, free_port

ROOT = Path(__file__).parents[2]

CADDY = """{{
	admin off
	auto_https off
	storage file_system {data}
}}
"""


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[str]:
    """Run a proxy until the block ends; lend its address."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as proxy:
        try:
            wait_for(port, proxy, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            proxy.terminate()


def wait_for(port: int, proxy: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert proxy.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def nginx(server: Server, directory: Path) -> Iterator[str]:
    program, port = shutil.which("nginx") or "/usr/sbin/nginx", free_port()
    if not Path(program).exists():
        pytest.skip("nginx is not installed")
    head, _, tls = (ROOT / "deploy/nginx.conf").read_text().partition("server {\n    listen 80;")
    site = head + "server {\n    listen 443 ssl;" + tls.partition("    listen 443 ssl;")[2]
    for lines in ("    listen [::]:443 ssl;\n", *(line + "\n" for line in site.splitlines() if "ssl_cert" in line)):
        assert lines in site
        site = site.replace(lines, "")
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace(
        "127.0.0.1:3000", f"127.0.0.1:{server.port}"
    )
    places = "".join(
        f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; pid {directory}/pid; worker_processes 1; events {{}}\nhttp {{ access_log off;\n{places}{site}}}\n"
    )
    with running([program, "-e", "stderr", "-c", str(config)], port, directory / "nginx.log") as url:
        yield url


@contextmanager
def caddy(server: Server, directory: Path) -> Iterator[str]:
    program, port = shutil.which("caddy"), free_port()
    if program is None:
        pytest.skip("Caddy is not installed")
    site = (ROOT / "deploy/Caddyfile").read_text()
    site = site.replace("chat.example.com {", f"http://127.0.0.1:{port} {{")
    config = directory / "Caddyfile"
    config.write_text(CADDY.format(data=directory) + site.replace("127.0.0.1:3000", f"127.0.0.1:{server.port}"))
    with running([program, "run", "--config", str(config), "--adapter", "caddyfile"], port, directory / "log") as url:
        yield url


@pytest.mark.parametrize("proxy", [nginx, caddy], ids=lambda proxy: proxy.__name__)
def test_the_example_configuration(proxy: Callable, make_server: Callable[..., Server], tmp_path: Path) -> None:
    settings = {**TOKEN_MODE, "TRUSTED_PROXIES": "1", "RATE_LIMIT_SIGNUP": "1 per hour"}
    server = make_server(**settings)
    with proxy(server, tmp_path) as url, requests.Session() as session:
        # Whatever a caller writes into the header, it is the peer's address that counts.
        for forged, status in ("203.0.113.1", 200), ("203.0.113.2", 429):
            headers = {"X-Forwarded-For": forged}
            answer = session.post(f"{url}/users/create", json={"username": "ann"}, headers=headers)
            assert answer.status_code == status, answer.text
            user = answer.json() if status == 200 else user  # noqa: F821
        bearer = {"Authorization": f"Bearer {user['access_token']}"}
        body = {"participant_ids": [], "group_name": "x"}
        opened = session.post(f"{url}/conversations/create", json=body, headers=bearer)
        assert opened.status_code == 200, opened.text
        # Larger than the server takes, not than the proxy does: the refusal is the server's.
        large = session.post(f"{url}/conversations/create", data=b" " * 1_100_000, headers=bearer)
        assert large.json()["code"] in ("body_too_large", "unsupported_media_type")
        talk(url, user["access_token"], opened.json()["id"])


def talk(url: str, token: str, conversation_id: str) -> None:
    """A socket over each transport, through the proxy."""
    for transport in ("websocket", "polling"):
        with requests.Session() as session, socketio.SimpleClient(http_session=session) as client:
            client.connect(url, auth={"token": token}, transports=[transport])
            assert client.transport == transport
            sent = client.call("sendMessage", {"conversation_id": conversation_id, "message": "through a proxy"})
            assert sent["message"] == "through a proxy"
