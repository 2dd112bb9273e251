"""Somebody who uses the web client in a browser."""

import re
from typing import Any

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

#: What a browser says of its own accord while there is no connection.
OFFLINE = re.compile(r"ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|WebSocket connection to")

DESKTOP: ViewportSize = {"width": 1200, "height": 800}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}


class Person:
    """A browser with nobody else's cookies, and what its page complains of."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": DESKTOP} | options))
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.url = url
        self.page.goto(url)

    def sign_in(self, user: dict[str, Any] | str) -> "Person":
        """Sign in under a new name, or as a user who exists."""
        self.page.get_by_label("Your name").fill(user if isinstance(user, str) else user["id"])
        self.page.get_by_role("button", name="Start chatting").click()
        expect(self.page.get_by_role("navigation", name="Conversations")).to_be_visible()
        return self

    def open(self, name: str) -> "Person":
        self.row(name).click()
        expect(self.box).to_be_visible()
        return self

    def row(self, name: str) -> Locator:
        return self.page.get_by_role("navigation").get_by_role("link").filter(has_text=name)

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def messages(self) -> Locator:
        return self.page.get_by_role("log", name="Messages")

    def message(self, text: str) -> Locator:
        return self.messages.get_by_role("article").filter(
            has=self.page.locator(".text, .gone").get_by_text(text, exact=True)
        )

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.page.get_by_role("main").get_by_role("button", name="Send", exact=True).click()

    def does(self, message: str, action: str) -> None:
        """Press one of a message's buttons."""
        self.message(message).locator(".meta").hover()
        self.message(message).get_by_role("button", name=action, exact=True).click()

    def complaints(self) -> list[str]:
        return [fault for fault in self.faults if not OFFLINE.search(fault)]

    def close(self) -> None:
        self.context.close()
