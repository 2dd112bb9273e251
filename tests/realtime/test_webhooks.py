"""The app's own backend hears every change: signed, in order, once it has answered, again until it does."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chat.config import Config
from chat.errors import ConfigError
from chat.jobs.webhooks import sign
from chat.storage import Storage
from tests.support.client import Api
from tests.support.proofs import DRIVERS, reached_by
from tests.support.receiver import Receiver, receiver
from tests.support.server import Server
from tests.support.waiting import wait_until

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as kept:
        yield kept


@pytest.fixture(params=DRIVERS)
def server(
    request: pytest.FixtureRequest,
    make_server: Callable[..., Server],
    make_database: Callable[..., str],
    hook: Receiver,
) -> Iterator[Server]:
    """A server with a webhook, on either driver."""
    with reached_by(request.param, make_database()) as backend:
        server = make_server(WEBHOOK_URL=hook.url, WEBHOOK_SECRET=SECRET, **backend)
        yield server
        server.stop()


def test_changes_come_signed_and_in_their_order(server: Server, hook: Receiver) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sent = [api.send(conversation, ann, f"message {number}") for number in range(5)]
    wait_until(lambda: hook.types().count("message.created") == 5)
    assert hook.types()[:3] == ["conversation.created", "member.added", "member.added"]
    messages = [each.event["data"] for each in hook.received if each.event["type"] == "message.created"]
    assert [each["message"]["id"] for each in messages] == [each["id"] for each in sent]
    assert messages[0]["conversation"]["name"] == conversation["name"]
    assert messages[0]["recipients"] == [{"user_id": bob["id"], "online": False}]
    for each in hook.received:
        stamp = int(each.headers["webhook-timestamp"])
        assert abs(stamp - time.time()) < 60
        signed = f"{each.headers['webhook-id']}.{stamp}.".encode() + each.body
        expected = base64.b64encode(hmac.digest(b"k" * 32, signed, hashlib.sha256)).decode()
        assert each.headers["webhook-signature"] == f"v1,{expected}"
    assert len({each.headers["webhook-id"] for each in hook.received}) == len(hook.received)


def test_what_is_refused_is_told_again_under_the_same_id_and_nothing_overtakes_it(
    server: Server, hook: Receiver
) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    wait_until(lambda: len(hook.received) == 3)
    hook.status = 503
    api.send(conversation, ann, "first")
    api.send(conversation, ann, "second")
    wait_until(lambda: len(hook.received) >= 5)
    assert len({each.headers["webhook-id"] for each in hook.received[3:]}) == 1
    hook.status = 200
    wait_until(
        lambda: (
            hook.types()[-1] == "message.created" and hook.received[-1].event["data"]["message"]["message"] == "second"
        )
    )
    assert hook.received[-2].headers["webhook-id"] == hook.received[3].headers["webhook-id"]


def test_without_a_webhook_nothing_is_noted(
    make_server: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    server = make_server(DATABASE_URL=url)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    api.send(api.conversation(ann, bob), ann)
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from chat_webhook_events").fetchone() == (0,)


def test_what_is_given_up_waits_for_people(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    storage.set_listeners(webhook=True, push=False)
    user = storage.create_user("ann")["id"]
    sql('select chat_create_conversation(%s, null, \'{"name": "x", "participant_ids": []}\')', user)
    (id,) = sql("select id::text from conversations")[0]
    first, *others = storage.list_webhook_events(id, 10)
    assert (first["type"], [each["type"] for each in others]) == ("conversation.created", ["member.added"])
    assert storage.fail_webhook_event(first["id"], "503", 60) is False
    sql("update chat_webhook_events set created_at = now() - interval '1 hour' where id = %s", first["id"])
    assert storage.fail_webhook_event(first["id"], "503", 60) is True
    assert storage.list_webhook_events(id, 10) == others
    dead = storage.list_dead_webhook_events(10)
    assert (dead["dead"], dead["waiting"], dead["events"][0]["last_error"]) == (1, 1, "503")
    assert storage.redeliver_webhook_events() == 1
    again = storage.list_webhook_events(id, 10)
    assert [each["event_id"] for each in again] == [first["event_id"], others[0]["event_id"]]
    storage.delete_webhook_events([each["id"] for each in again])
    assert storage.list_webhook_events(id, 10) == []


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_", "whsec_AAAA", "whsec_not base64 at all but long enough to be one"]
)
def test_a_webhook_needs_a_secret(secret: str) -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_SECRET"):
        Config(webhook_url="https://example.com", webhook_secret=secret).checked()
