"""Fixtures of the web client's tests: the real server, and people with browsers."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window: the system's, since none is downloaded. For one file, as it keeps an event loop."""
    if not CHROMIUM:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Any, shared_server: Server) -> Iterator[Callable[..., Any]]:
    """A function that opens the web client in a browser of its own; afterwards nobody's page may have complained."""
    from tests.web.person import Person

    people: list[Person] = []

    def visit(user: dict[str, Any] | str | None = None, **options: Any) -> Person:
        person = Person(browser, shared_server.url, **options)
        people.append(person)
        return person.sign_in(user) if user else person

    yield visit
    complaints = [complaint for person in people for complaint in person.complaints()]
    for person in people:
        person.close()
    assert not complaints


@pytest.fixture
def here(shared_server: Server) -> Api:
    """The API of the server that the browsers are at."""
    return Api(shared_server)
