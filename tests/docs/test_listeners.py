"""docs/webhooks.md and docs/push.md say what is so: their programs run, their tables are complete."""

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.jobs.webhooks import GIVE_UP, sign
from chat.push import token_of
from chat.push.http import TIMEOUT
from chat.push.notes import LONGEST_TEXT
from tests.support.node import needs_node

ROOT = Path(__file__).parents[2]
WEBHOOKS = (ROOT / "docs/webhooks.md").read_text()
PUSH = (ROOT / "docs/push.md").read_text()
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = b'{"type": "message.created"}'


def programs(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def node(script: str) -> Any:
    done = subprocess.run(["node", "--input-type=module", "--eval", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_python(cases: list[Any]) -> list[bool]:
    names: dict[str, Any] = {}
    exec(programs(WEBHOOKS, "python")[0], names)
    return [names["is_genuine"](secret, headers, body.encode()) for secret, headers, body in cases]


def in_javascript(cases: list[Any]) -> list[bool]:
    judged = "console.log(JSON.stringify(cases.map(([secret, headers, body]) => isGenuine(secret, headers, body))));"
    found: list[bool] = node(f"{programs(WEBHOOKS, 'js')[0]}\nconst cases = {json.dumps(cases)};\n{judged}")
    return found


@pytest.mark.parametrize("judge", [in_python, pytest.param(in_javascript, marks=needs_node)])
def test_the_checks_of_signatures_know_ours_and_no_other(judge: Callable[[list[Any]], list[bool]]) -> None:
    def headers(at: int, **changes: str) -> dict[str, str]:
        signature = sign(SECRET, "an-id", at, BODY)
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        return {"webhook-id": "an-id", "webhook-timestamp": str(at), "webhook-signature": signature} | named

    now, text = int(time.time()), BODY.decode()
    good = headers(now)
    cases = [
        (SECRET, good, text),
        (SECRET, headers(now, webhook_signature="v1,AAAA " + good["webhook-signature"]), text),
        (SECRET, good, text + " "),
        (SECRET, headers(now, webhook_id="another"), text),
        (SECRET, headers(now, webhook_timestamp=str(now - 1)), text),
        (SECRET, headers(now, webhook_signature="v1,AAAA"), text),
        (SECRET, headers(now, webhook_signature=""), text),
        (SECRET, headers(now, webhook_signature=good["webhook-signature"].replace("v1", "v2")), text),
        (SECRET, headers(now - 400), text),
        (SECRET, headers(now + 400), text),
        ("whsec_" + base64.b64encode(b"x" * 32).decode(), good, text),
    ]
    assert judge(cases) == [True, True] + [False] * 9


def test_every_event_is_listed() -> None:
    steps = "".join(path.read_text() for path in ROOT.glob("sql/steps/*_hooks.sql"))
    types = set(re.findall(r"'((?:message|member|reaction)\.\w+)'", steps))
    types |= {f"conversation.{each}" for each in ("created", "updated", "deleted")}
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", WEBHOOKS, re.MULTILINE)) == types


def test_the_figures_are_those_of_the_code() -> None:
    assert (TIMEOUT, GIVE_UP) == (10, 24 * 3600)
    assert "none within 10 seconds" in WEBHOOKS
    assert f"first {LONGEST_TEXT} characters" in PUSH


@needs_node
def test_the_page_names_a_subscription_as_the_server_does() -> None:
    endpoints = [f"https://updates.push.services.mozilla.com/wpush/v2/{number}" for number in range(20)]
    page = programs(PUSH, "js")[0]
    script = f"{page}\nconsole.log(JSON.stringify(await Promise.all({json.dumps(endpoints)}.map(tokenOf))));"
    assert node(script) == [token_of(each) for each in endpoints]


@needs_node
def test_the_service_worker_shows_what_the_server_sends() -> None:
    worker = programs(PUSH, "js")[1]
    sent = {"title": "Tea", "body": None, "data": {"conversation_id": "c", "message_id": "m", "seq": "1"}}
    script = f"""
        const heard = {{}}, shown = [];
        globalThis.self = {{
          addEventListener: (name, handler) => (heard[name] = handler),
          registration: {{ showNotification: (...all) => shown.push(all) }},
          clients: {{ openWindow: (url) => shown.push(url) }},
        }};
        {worker}
        const sent = {json.dumps(sent)};
        const event = {{ waitUntil: () => {{}}, data: {{ json: () => sent }} }};
        heard.push(event);
        heard.notificationclick({{ ...event, notification: {{ close: () => {{}}, data: sent.data }} }});
        console.log(JSON.stringify(shown));
    """
    options = {"body": "", "tag": "m", "data": sent["data"]}
    assert node(script) == [["Tea", options], "/?conversation=c"]
