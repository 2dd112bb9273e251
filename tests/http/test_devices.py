"""Devices over HTTP: what may be registered, by whom."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chat.config import Config
from chat.errors import ConfigError
from chat.push import may_send_to, token_of
from tests.support.client import Api
from tests.support.pushes import SUBJECT, VAPID_KEY

Json = dict[str, Any]

ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB"
# The keys of the example in RFC 8291, section 5.
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
BROWSER = {"service": "webpush", "endpoint": ENDPOINT, "keys": KEYS}
FCM = "dGhlIGRldmljZQ:APA91b" + "x" * 120


def put(api: Api, user: Json, token: str, status: int = 200, **body: Any) -> Json:
    path = f"/users/{user['id']}/devices/{quote(token, safe='')}"
    answer: Json = api.request("PUT", path, {"user_id": user["id"], **body}, status)
    return answer


def listed(api: Api, user: Json) -> list[Json]:
    found: list[Json] = api.request("GET", f"/users/{user['id']}/devices?user_id={user['id']}")
    return found


def test_one_of_each_service(api: Api, ann: Json) -> None:
    made = [
        put(api, ann, token_of(ENDPOINT), **BROWSER),
        put(api, ann, "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]", service="expo"),
        put(api, ann, FCM, service="fcm"),
    ]
    assert listed(api, ann) == made[::-1]
    assert [each["service"] for each in made] == ["webpush", "expo", "fcm"]
    assert not {"keys", "auth", "endpoint"} & set().union(*made)  # what somebody could push with
    path = f"/users/{ann['id']}/devices/{FCM}?user_id={ann['id']}"
    for _ in range(2):
        assert api.request("DELETE", path)["service"] is None
    assert listed(api, ann) == made[1::-1]


@pytest.mark.parametrize(
    ("service", "token"),
    [
        ("expo", "x"),
        ("expo", "ExponentPushToken[]"),
        ("expo", "ExponentPushToken[a b]"),
        ("expo", FCM),
        ("fcm", "short"),
        ("fcm", "x" * 1025),
        ("fcm", "x" * 30 + "\0"),
        ("fcm", "é" * 30),
        ("webpush", "x"),
    ],
)
def test_a_token_is_one_of_its_service(api: Api, ann: Json, service: str, token: str) -> None:
    assert list(put(api, ann, token, 422, **{**BROWSER, "service": service})["errors"]) == ["token"]
    if token != FCM and service != "webpush":
        path = f"/users/{ann['id']}/devices/{quote(token, safe='')}?user_id={ann['id']}"
        assert list(api.request("DELETE", path, status=422)["errors"]) == ["token"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://updates.push.services.mozilla.com/x",
        "https://updates.push.services.mozilla.com:8080/x",
        "https://127.0.0.1/x",
        "http://127.0.0.1:5432/",
        "https://169.254.169.254/latest/meta-data",
        "https://example.com/x",
        "https://push.apple.com.example.com/x",
        "https://notify.windows.com/x",  # below it, not it
        "https://me@fcm.googleapis.com/x",
        "https://example.com\\@fcm.googleapis.com/x",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/é",
        "https://[fcm.googleapis.com/",
        "file:///etc/passwd",
        "https://fcm.googleapis.com/" + "x" * 2048,
    ],
)
def test_an_endpoint_is_a_known_services(api: Api, ann: Json, endpoint: str) -> None:
    refused = put(api, ann, token_of(endpoint), 422, **{**BROWSER, "endpoint": endpoint})
    assert list(refused["errors"]) == ["endpoint"]


def test_hosts_may_be_others() -> None:
    hosts = Config(webpush_hosts="push.example.com, *.example.org, 127.0.0.1").checked().push_hosts
    for good in ("https://push.example.com/x", "https://a.b.example.org/x", "http://127.0.0.1:9/x"):
        assert may_send_to(good, hosts)
    for bad in ("https://fcm.googleapis.com/x", "http://push.example.com/x", "https://xexample.org/x"):
        assert not may_send_to(bad, hosts)


def test_nobody_registers_a_browser_whose_endpoint_is_not_known(api: Api, ann: Json) -> None:
    assert list(put(api, ann, token_of("https://fcm.googleapis.com/x"), 422, **BROWSER)["errors"]) == ["token"]


@pytest.mark.parametrize(
    "keys",
    [
        None,
        {},
        {"p256dh": KEYS["p256dh"]},
        {**KEYS, "auth": "x"},
        {**KEYS, "auth": KEYS["auth"] + "AAAA"},
        {**KEYS, "p256dh": "!" * 87},
        {**KEYS, "p256dh": "A" * 87},
        {**KEYS, "auth": 1},
        {**KEYS, "other": "x"},
    ],
)
def test_keys_are_those_of_a_subscription(api: Api, ann: Json, keys: Any) -> None:
    errors = put(api, ann, token_of(ENDPOINT), 422, service="webpush", endpoint=ENDPOINT, keys=keys)["errors"]
    assert all(name.startswith("keys") for name in errors)
    assert listed(api, ann) == []


def test_others_may_not(api: Api, ann: Json, bob: Json) -> None:
    put(api, ann, FCM, service="fcm")
    path, body = f"/users/{ann['id']}/devices", {"user_id": bob["id"], "service": "fcm"}
    assert api.request("PUT", f"{path}/{FCM}", body, 403)["code"] == "not_allowed"
    assert api.request("GET", f"{path}?user_id={bob['id']}", status=403)["code"] == "not_allowed"
    assert api.request("DELETE", f"{path}/{FCM}?user_id={bob['id']}", status=403)["code"] == "not_allowed"
    assert len(listed(api, ann)) == 1


def test_preferences_are_in_the_profile_and_the_settings(api: Api, ann: Json, bob: Json) -> None:
    talk = api.conversation(ann, bob)
    assert api.change(f"/users/{ann['id']}", ann, notifications="mentions")["notifications"] == "mentions"
    assert "notifications" not in api.request("GET", f"/users/{ann['id']}?user_id={bob['id']}")
    path = f"/conversations/{talk['id']}/settings"
    assert api.conversation_of(talk, ann)["notifications"] is None
    assert api.change(path, ann, notifications="none")["notifications"] == "none"
    assert api.change(path, ann, pinned=True)["notifications"] == "none"
    assert api.conversation_of(talk, ann)["notifications"] == "none"
    assert api.conversation_of(talk, bob)["notifications"] is None
    assert api.change(path, ann, notifications=None)["notifications"] is None
    for what in (path, f"/users/{ann['id']}"):
        assert list(api.change(what, ann, 422, notifications="loud")["errors"]) == ["notifications"]


def test_the_key_of_web_push_is_public(make_app: Callable[..., Any], api: Api) -> None:
    assert api.request("GET", "/push/vapid-key") == {"public_key": None}
    app = make_app(vapid_private_key=VAPID_KEY, vapid_subject=SUBJECT)
    key = Api(app.test_client()).request("GET", "/push/vapid-key")["public_key"]
    assert re.fullmatch("[A-Za-z0-9_-]{87}", key)
    assert base64.urlsafe_b64decode(key + "=")[0] == 4


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"vapid_private_key": "x", "vapid_subject": SUBJECT}, "VAPID_PRIVATE_KEY"),
        ({"vapid_private_key": "A" * 43, "vapid_subject": SUBJECT}, "VAPID_PRIVATE_KEY"),
        ({"vapid_private_key": "_" * 42 + "8", "vapid_subject": SUBJECT}, "VAPID_PRIVATE_KEY"),
        ({"vapid_private_key": VAPID_KEY}, "VAPID_SUBJECT"),
        ({"vapid_private_key": VAPID_KEY, "vapid_subject": "ops@example.com"}, "VAPID_SUBJECT"),
        ({"webpush_hosts": "https://example.com"}, "WEBPUSH_HOSTS"),
        ({"webpush_hosts": "*"}, "WEBPUSH_HOSTS"),
        ({"push_expo": "yes"}, "PUSH_EXPO"),
        ({"push_text": "no"}, "PUSH_TEXT"),
        ({"fcm_service_account_file": "/nowhere/account.json"}, "FCM_SERVICE_ACCOUNT_FILE"),
        ({"fcm_service_account_file": __file__}, "FCM_SERVICE_ACCOUNT_FILE"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: Json, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config(**settings).checked()


def test_a_service_account_needs_its_fields_and_they_are_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text('{"private_key": "hunter2"}')
    with pytest.raises(ConfigError, match="FCM_SERVICE_ACCOUNT_FILE must be") as refused:
        Config(fcm_service_account_file=str(file)).checked()
    assert "hunter2" not in str(refused.value)
