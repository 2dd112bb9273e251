"""Notifications in the browser.

No push service can be reached from here: the page's `PushManager` is played by the test; the service worker is the
real one, and a push is delivered to it by the browser's debugger.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.support.client import Api
from tests.support.pushes import SUBJECT, VAPID_KEY, Browser, Services
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.web.person import Person

Visit = Callable[..., Person]

REGISTRATION = "navigator.serviceWorker.getRegistration('web/worker.js')"

#: A subscription as the browser's push service would make it; what it was asked for is kept.
PUSH_MANAGER = """(subscription) => {
  let current = null;
  window.asked = [];
  const unsubscribe = async () => ((current = null), true);
  const made = () => ({ ...subscription, toJSON: () => subscription, unsubscribe });
  PushManager.prototype.subscribe = async (options) => (window.asked.push(options), (current = made()));
  PushManager.prototype.getSubscription = async () => current;
  const permission = { value: "default" };
  Object.defineProperty(Notification, "permission", { get: () => permission.value });
  Notification.requestPermission = async () => (window.asked.push("permission"), (permission.value = "granted"));
}"""


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return {"AUTH_MODE": "open", "VAPID_PRIVATE_KEY": VAPID_KEY, "VAPID_SUBJECT": SUBJECT}


@pytest.fixture
def subscription() -> dict[str, Any]:
    """What Chrome's push service would say, with keys that are real."""
    services = Services.__new__(Services)
    services.url = "https://fcm.googleapis.com"
    made = Browser(services).subscription
    return {"endpoint": made["endpoint"], "keys": made["keys"]}


def devices(here: Api, user: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = here.request("GET", f"/users/{user['id']}/devices?user_id={user['id']}")
    return found


def test_a_browser_is_registered_by_a_click_and_taken_off_again(
    visit: Visit, here: Api, subscription: dict[str, Any]
) -> None:
    ann = here.user("Ann")
    person = visit()
    person.page.add_init_script(f"({PUSH_MANAGER})({json.dumps(subscription)})")
    person.page.reload()
    person.sign_in(ann)
    page = person.page
    page.get_by_role("button", name="Ann").click()
    turn_on = page.get_by_role("button", name="Turn on notifications")
    expect(turn_on).to_be_visible()
    assert page.evaluate("window.asked") == []  # nothing is asked before the click
    turn_on.click()
    expect(page.get_by_role("button", name="Turn off notifications")).to_be_visible()
    key = here.request("GET", "/push/vapid-key")["public_key"]
    assert page.evaluate("window.asked") == ["permission", {"userVisibleOnly": True, "applicationServerKey": key}]
    assert [each["service"] for each in devices(here, ann)] == ["webpush"]
    page.get_by_role("button", name="Turn off notifications").click()
    expect(turn_on).to_be_visible()
    assert devices(here, ann) == []
    turn_on.click()
    expect(page.get_by_role("button", name="Turn off notifications")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your name")).to_be_visible()
    assert devices(here, ann) == []


def test_the_worker_shows_what_is_pushed_and_a_click_opens_it(visit: Visit, here: Api, shared_server: Server) -> None:
    ann, bob = here.users("Ann", "Bob")
    group = here.conversation(ann, bob)
    message = here.send(group, bob, "Is the kettle on?")
    person = visit(ann, permissions=["notifications"])
    debugger = person.context.new_cdp_session(person.page)
    known: list[str] = []
    debugger.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: known.extend(each["registrationId"] for each in said["registrations"]),
    )
    debugger.send("ServiceWorker.enable")
    with person.context.expect_event("serviceworker") as started:
        person.page.evaluate("navigator.serviceWorker.register('web/worker.js')")
    worker = started.value
    person.page.wait_for_function(
        "async () => !!(await navigator.serviceWorker.getRegistration('web/worker.js'))?.active"
    )
    data = {"conversation_id": group["id"], "message_id": message["id"], "seq": "1"}
    pushed = json.dumps({"title": "a group", "body": "Bob: Is the kettle on?", "data": data})
    push = {"origin": shared_server.url, "registrationId": known[-1], "data": pushed}
    read = "({ title, body, data }) => ({ title, body, data })"
    shown = f"async () => (await (await {REGISTRATION}).getNotifications()).map({read})"
    for _ in range(2):  # at least once: the second replaces the first
        debugger.send("ServiceWorker.deliverPushMessage", push)
        expected = [{"title": "a group", "body": "Bob: Is the kettle on?", "data": data}]
        wait_until(lambda: person.page.evaluate(shown) == expected)  # noqa: B023
    # What the click does; without a hand that clicks the browser lets no window come forward.
    worker.evaluate("(id) => open(id).catch(() => null)", group["id"])
    expect(person.message("Is the kettle on?")).to_be_visible()


def test_without_a_key_nothing_is_offered(visit: Visit, here: Api) -> None:
    person = visit()
    person.page.route("**/push/vapid-key*", lambda route: route.fulfill(json={"public_key": None}))
    person.sign_in("Cid")
    person.page.get_by_role("button", name="Cid").click()
    expect(person.page.get_by_label("About you")).to_be_visible()
    expect(person.page.get_by_role("heading", name="Notifications on this device")).to_have_count(0)
