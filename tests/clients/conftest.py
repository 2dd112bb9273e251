"""Fixtures of the clients' tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.js import DIRECTORY, JsClient
from tests.support.node import install
from tests.support.server import Server


@pytest.fixture(scope="session")
def js_packages() -> None:
    """The packages that clients/js is built and tested with are installed."""
    install(DIRECTORY)


@pytest.fixture
def js(js_packages: None) -> Iterator[Callable[..., JsClient]]:
    """A function that starts a device with the JavaScript client; options are those of `createChat`."""
    clients = []

    def start(server: Server, user: dict[str, Any] | None = None, **options: Any) -> JsClient:
        client = JsClient(server, **({"userId": user["id"]} if user else {}), **options)
        clients.append(client)
        return client

    yield start
    for client in clients:
        if client.is_running():
            client.close()
