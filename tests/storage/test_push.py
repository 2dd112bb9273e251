"""Notifications through each service, against stand-ins that answer as its documents say."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chat.app import create_app
from chat.auth import Caller
from chat.config import Config
from chat.jobs import JOBS
from chat.push import PushFailed, expo, fcm, make_note
from chat.storage import Storage
from tests.support.pushes import SUBJECT, VAPID_KEY, Browser, Google, Services, decode, decrypt, services

Json = dict[str, Any]
Sql = Callable[..., list[Any]]

FCM = "fcm-device-of-bob-0123456789"


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with services() as kept:
        monkeypatch.setattr(expo, "SEND_URL", f"{kept.url}/expo/send")
        monkeypatch.setattr(expo, "RECEIPTS_URL", f"{kept.url}/expo/receipts")
        monkeypatch.setattr(fcm, "SEND_URL", kept.url + "/v1/projects/{project_id}/messages:send")
        yield kept


class World:
    """ann writes to bob and cid; `run` does the jobs that are due, as the runner does."""

    def __init__(self, storage: Storage, sql: Sql, **settings: Any) -> None:
        self.storage, self._sql = storage, sql
        config = Config(auth_mode="open", database_url="postgresql://nowhere/x", **settings).checked()
        self.app = create_app(config, storage)
        self.ann, self.bob, self.cid = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob", "cid"))
        ids = [self.bob.user_id, self.cid.user_id]
        self.id = storage.create_conversation(self.ann, {"name": "Tea", "participant_ids": ids}).result["id"]
        storage.set_listeners(webhook=False, push=True)

    def put(self, user: Caller, token: str, service: str, **more: Any) -> None:
        self.storage.put_device(user, user.user_id, token, {"service": service, **more})

    def put_browser(self, user: Caller, browser: Browser) -> None:
        made = browser.subscription
        self.put(user, browser.token, "webpush", endpoint=made["endpoint"], **made["keys"])

    def tokens(self, user: Caller) -> list[str]:
        return [each["token"] for each in orjson.loads(self.storage.list_devices(user, user.user_id))]

    def send(self, message: str = "Is the kettle on?", **more: Any) -> Json:
        draft = {"message": message, "client_id": None, **more}
        sent: Json = self.storage.send_message(self.ann, self.id, draft).result
        return sent

    def jobs(self) -> list[tuple[str, Json]]:
        return self._sql("select kind, payload from chat_jobs where state = 'waiting' order by id")

    def run(self) -> None:
        """Do every job that waits, once, whenever it is due; those that fail are as they were. Raises their error."""
        for id, kind, payload in self._sql(
            "select id, kind, payload from chat_jobs where state = 'waiting' order by id"
        ):
            (job,) = (each for each in JOBS if each.name == kind)
            with self.app.app_context():
                job.run(payload)
            self._sql("delete from chat_jobs where id = %s", id)


@pytest.fixture
def make_world(storage: Storage, sql: Sql) -> Callable[..., World]:
    return lambda **settings: World(storage, sql, **settings)


WEB = {"vapid_private_key": VAPID_KEY, "vapid_subject": SUBJECT, "webpush_hosts": "127.0.0.1"}


# Web Push


def test_browsers_show_who_wrote_what(make_world: Callable[..., World], stand_ins: Services) -> None:
    world = make_world(**WEB)
    browsers = [Browser(stand_ins) for _ in range(3)]
    for browser, user in zip(browsers, (world.ann, world.bob, world.cid), strict=True):
        world.put_browser(user, browser)
    sent = world.send()
    world.run()
    expected = {
        "title": "Tea",
        "body": "ann: Is the kettle on?",
        "data": {"conversation_id": world.id, "message_id": sent["id"], "seq": "1"},
    }
    assert [browser.shown() for browser in browsers] == [[], [expected], [expected]]
    assert world.jobs() == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_forgotten(
    make_world: Callable[..., World], stand_ins: Services, status: int
) -> None:
    world = make_world(**WEB)
    gone, there = Browser(stand_ins), Browser(stand_ins)
    for browser in (gone, there):
        world.put_browser(world.bob, browser)
    stand_ins.answers[gone.path] = (status, {})
    world.send()
    world.run()
    assert world.tokens(world.bob) == [there.token]
    assert (len(there.shown()), world.jobs()) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_what_is_refused_is_not_tried_again_and_the_device_stays(
    make_world: Callable[..., World], stand_ins: Services, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(**WEB)
    browser = Browser(stand_ins)
    world.put_browser(world.bob, browser)
    stand_ins.answers[browser.path] = (status, {"reason": "VapidPkHashMismatch"})
    world.send()
    world.run()
    assert (world.tokens(world.bob), world.jobs()) == ([browser.token], [])
    assert "VapidPkHashMismatch" in capsys.readouterr().err


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_could_not_be_reached_is_tried_again_and_nobody_else(
    make_world: Callable[..., World], stand_ins: Services, status: int
) -> None:
    world = make_world(**WEB)
    busy, slow, there = (Browser(stand_ins) for _ in range(3))
    for browser in (busy, slow, there):
        world.put_browser(world.bob, browser)
    stand_ins.answers |= {busy.path: (status, {}), slow.path: (status, {})}
    sent = world.send()
    world.run()
    ((kind, payload),) = world.jobs()
    assert (kind, payload["message_id"], sorted(payload["tokens"])) == (
        "push_devices", sent["id"], sorted([busy.token, slow.token])
    )  # fmt: skip
    with pytest.raises(PushFailed):  # none was reached: the job itself runs again, later
        world.run()
    del stand_ins.answers[slow.path]
    world.run()
    assert [each[1]["tokens"] for each in world.jobs()] == [[busy.token]]
    stand_ins.answers.clear()
    world.run()
    assert world.jobs() == []
    assert [len(browser.shown()) for browser in (slow, busy, there)] == [3, 4, 1]


def test_who_has_read_it_meanwhile_is_not_told(make_world: Callable[..., World], stand_ins: Services) -> None:
    world = make_world(**WEB)
    browser = Browser(stand_ins)
    world.put_browser(world.bob, browser)
    stand_ins.answers[browser.path] = (503, {})
    world.send()
    world.run()
    world.storage.update_receipt(world.bob, world.id, {"read_seq": 1})
    world.run()
    assert (len(browser.shown()), world.jobs()) == (1, [])


def test_keys_that_are_no_point_of_the_curve_are_forgotten(
    make_world: Callable[..., World], stand_ins: Services
) -> None:
    world = make_world(**WEB)
    world.put(world.bob, "x" * 43, "webpush", endpoint=stand_ins.url, p256dh="BA" + "A" * 85, auth="A" * 22)
    world.send()
    world.run()
    assert (world.tokens(world.bob), stand_ins.received) == ([], [])


def test_nothing_goes_to_a_host_that_was_taken_off_the_list(
    make_world: Callable[..., World], stand_ins: Services
) -> None:
    world = make_world(**WEB | {"webpush_hosts": "push.example.com"})
    world.put_browser(world.bob, Browser(stand_ins))
    world.send()
    world.run()
    assert (stand_ins.received, world.jobs()) == ([], [])


def test_a_large_group_is_pushed_to_page_by_page(
    make_world: Callable[..., World], stand_ins: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.jobs.push.PAGE", 1)
    world = make_world(**WEB)
    browsers = [Browser(stand_ins), Browser(stand_ins)]
    for browser, user in zip(browsers, (world.bob, world.cid), strict=True):
        world.put_browser(user, browser)
    world.send()
    runs = 0
    while world.jobs():
        world.run()
        runs += 1
    assert (runs, [len(browser.shown()) for browser in browsers]) == (4, [1, 1])  # three members, and an empty page


def test_the_stand_in_reads_the_example_of_rfc_8291() -> None:
    private = decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
    key = ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())
    body = (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3j"
        "l7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    plain = decrypt(key, decode("BTBZMqHH6r4Tts7J_aSIgg"), decode(body))
    assert plain == b"When I grow up, I want to be a watermelon"


# Expo


def test_expo_gets_batches_and_says_who_is_gone(
    make_world: Callable[..., World], stand_ins: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.push.services.BATCH", 40)
    world = make_world(expo_access_token="secret")
    for number in range(120):
        world.put((world.bob, world.cid, world.bob)[number % 3], f"ExponentPushToken[{number}]", "expo")
    held = world.tokens(world.bob) + world.tokens(world.cid)
    dead, busy = held[0], held[1]

    def send(body: bytes) -> tuple[int, Any]:
        tickets: list[Json] = [{"status": "ok", "id": f"ticket {each['to']}"} for each in json.loads(body)]
        for place, each in enumerate(json.loads(body)):
            if each["to"] == dead:
                tickets[place] = {"status": "error", "details": {"error": "DeviceNotRegistered"}}
            if each["to"] == busy:
                tickets[place] = {"status": "error", "details": {"error": "MessageRateExceeded"}}
        return 200, {"data": tickets}

    stand_ins.answers["/expo/send"] = send
    sent = world.send()
    world.run()
    batches = [json.loads(body) for _, _, body in stand_ins.at("/expo/send")]
    assert sorted(len(batch) for batch in batches) == [10, 40, 40]
    assert sorted(each["to"] for batch in batches for each in batch) == sorted(held)
    assert {each["title"] for each in batches[0]} == {"Tea"}
    assert batches[0][0]["data"]["message_id"] == sent["id"]
    assert {headers["authorization"] for _, headers, _ in stand_ins.at("/expo/send")} == {"Bearer secret"}
    assert dead not in world.tokens(world.bob)
    kinds = dict(world.jobs())
    assert kinds["push_devices"]["tokens"] == [busy]
    assert len(kinds["check_push_receipts"]["tickets"]) == len(held) - 2


def test_expos_receipts_say_who_is_gone(make_world: Callable[..., World], stand_ins: Services) -> None:
    world = make_world(push_expo="on")
    for name in ("gone", "there", "unknown"):
        world.put(world.bob, f"ExponentPushToken[{name}]", "expo")
    stand_ins.answers["/expo/send"] = lambda body: (
        200, {"data": [{"status": "ok", "id": each["to"][18:-1]} for each in json.loads(body)]}
    )  # fmt: skip
    world.send()
    world.run()
    stand_ins.answers["/expo/receipts"] = (503, {})
    with pytest.raises(PushFailed):
        world.run()
    error = {"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}}
    stand_ins.answers["/expo/receipts"] = (200, {"data": {"gone": error, "there": {"status": "ok"}}})
    world.run()
    asked = json.loads(stand_ins.at("/expo/receipts")[-1][2])
    assert sorted(asked["ids"]) == ["gone", "there", "unknown"]
    assert sorted(world.tokens(world.bob)) == ["ExponentPushToken[there]", "ExponentPushToken[unknown]"]
    assert world.jobs() == []


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (400, False), (200, True)])
def test_expo_as_a_whole_may_fail(
    make_world: Callable[..., World], stand_ins: Services, status: int, again: bool
) -> None:
    world = make_world(push_expo="on")
    world.put(world.bob, "ExponentPushToken[x]", "expo")
    stand_ins.answers["/expo/send"] = (status, {"errors": [{"code": "x", "message": "x"}]})
    world.send()
    world.run()
    assert [kind for kind, _ in world.jobs()] == (["push_devices"] if again else [])
    assert world.tokens(world.bob) == ["ExponentPushToken[x]"]


# FCM


@pytest.fixture
def google(stand_ins: Services) -> Google:
    return Google(stand_ins)


@pytest.fixture
def firebase(make_world: Callable[..., World], google: Google, tmp_path: Path) -> World:
    file = tmp_path / "account.json"
    file.write_text(json.dumps(google.account))
    world = make_world(fcm_service_account_file=str(file))
    world.put(world.bob, FCM, "fcm")
    return world


def test_fcm_gets_one_message_a_device_and_one_token_for_all(
    firebase: World, google: Google, stand_ins: Services
) -> None:
    first, second = firebase.send(), firebase.send("And now?")
    firebase.run()
    sent = stand_ins.at("/v1/projects/a-project/messages:send")
    assert google.granted == ["access-0"]
    assert {headers["authorization"] for _, headers, _ in sent} == {"Bearer access-0"}
    messages = [json.loads(body)["message"] for _, _, body in sent]
    assert [each["notification"] for each in messages] == [
        {"title": "Tea", "body": "ann: Is the kettle on?"},
        {"title": "Tea", "body": "ann: And now?"},
    ]
    assert [each["data"]["message_id"] for each in messages] == [first["id"], second["id"]]
    assert {each["token"] for each in messages} == {FCM}
    assert messages[0]["android"]["notification"]["tag"] == first["id"]
    assert messages[0]["apns"]["headers"]["apns-collapse-id"] == first["id"]
    assert all(isinstance(value, str) for value in messages[0]["data"].values())


def failure(status: int, *details: Json) -> tuple[int, Any]:
    return status, {"error": {"code": status, "status": "X", "message": "no", "details": list(details)}}


FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
WRONG_TOKEN = {"fieldViolations": [{"field": "message.token", "description": "Invalid registration token"}]}


@pytest.mark.parametrize(
    ("answer", "stays", "again"),
    [
        (failure(404, {"@type": FCM_ERROR, "errorCode": "UNREGISTERED"}), False, False),
        (failure(400, {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}, WRONG_TOKEN), False, False),
        (failure(400, {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}), True, False),
        (failure(403, {"@type": FCM_ERROR, "errorCode": "SENDER_ID_MISMATCH"}), True, False),
        (failure(404), True, False),  # of the project
        (failure(429, {"@type": FCM_ERROR, "errorCode": "QUOTA_EXCEEDED"}), True, True),
        (failure(503), True, True),
        ((500, "no object"), True, True),
    ],
)
def test_what_fcm_says_of_a_device(
    firebase: World, stand_ins: Services, answer: tuple[int, Any], stays: bool, again: bool
) -> None:
    stand_ins.answers["/v1"] = answer
    firebase.send()
    firebase.run()
    assert firebase.tokens(firebase.bob) == ([FCM] if stays else [])
    assert [kind for kind, _ in firebase.jobs()] == (["push_devices"] if again else [])


def test_an_access_token_that_was_revoked_is_replaced(firebase: World, google: Google, stand_ins: Services) -> None:
    stand_ins.answers["/v1"] = lambda body: (401, {}) if len(google.granted) < 2 else (200, {})
    firebase.send()
    firebase.run()
    firebase.run()
    assert (google.granted, firebase.jobs()) == (["access-0", "access-1"], [])


def test_no_access_token_is_a_reason_to_try_again(firebase: World, stand_ins: Services) -> None:
    stand_ins.answers["/token"] = (403, {"error": "access_denied"})
    firebase.send()
    firebase.run()
    assert [kind for kind, _ in firebase.jobs()] == ["push_devices"]
    assert stand_ins.at("/v1") == []


# what it says


NOTE: Any = {
    "conversation_id": "c", "message_id": "m", "seq": 7, "is_direct": False, "conversation": "Tea", "sender": "ann",
    "text": "hello", "file": None, "names": {},
}  # fmt: skip
BOB = "0b7e7a3c-4f0e-4c2f-9a39-0a4f6b9b0c11"


@pytest.mark.parametrize(
    ("found", "title", "body"),
    [
        ({}, "Tea", "ann: hello"),
        ({"is_direct": True, "conversation": ""}, "ann", "hello"),
        ({"conversation": ""}, "ann", "hello"),
        ({"text": "x" * 150}, "Tea", "ann: " + "x" * 150),
        ({"text": "x" * 151}, "Tea", "ann: " + "x" * 149 + "…"),
        ({"text": " a\n\n b\t"}, "Tea", "ann: a b"),
        ({"text": "", "file": "kettle.png"}, "Tea", "ann: kettle.png"),
        ({"text": f"@[{BOB.upper()}] and @[{BOB[:-1]}2]", "names": {BOB: "bob"}}, "Tea", "ann: @bob and @…"),
        ({"conversation": "x" * 255, "sender": "y" * 255}, "x" * 99 + "…", "y" * 99 + "…: hello"),
    ],
)
def test_title_and_body(found: Json, title: str, body: str) -> None:
    assert make_note({**NOTE, **found}, with_text=True)[:2] == (title, body)


def test_without_text_it_says_only_where(make_world: Callable[..., World], stand_ins: Services) -> None:
    world = make_world(**WEB, push_text="off")
    browser = Browser(stand_ins)
    world.put_browser(world.bob, browser)
    world.send("a secret")
    world.run()
    (shown,) = browser.shown()
    assert (shown["title"], shown["body"]) == ("Tea", None)
