"""Profiles: what everyone sees, what only the user sees and changes, who hears of a change."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.support.client import Api
from tests.support.identity import SECRET, bearer, signed
from tests.support.server import Device, Server

Json = dict[str, Any]

#: What only the user sees.
OWN = {"share_receipts": True, "share_presence": True, "notifications": "all"}


def profile(api: Api, of: Json, seen_by: Json, status: int = 200) -> Json:
    return api.request("GET", f"/users/{of['id']}?user_id={seen_by['id']}", status=status)


def change(api: Api, user: Json, status: int = 200, **changes: Any) -> Json:
    return api.request("PATCH", f"/users/{user['id']}", {"user_id": user["id"], **changes}, status)


def public_part(profile: Json) -> Json:
    return {name: value for name, value in profile.items() if name not in OWN}


def test_others_see_the_public_part(api: Api, ann: Json, bob: Json) -> None:
    changed = change(api, ann, username=" Ann ", about="tea", avatar_url="https://a.example/a.png", custom={"x": 1})
    public = public_part(changed)
    assert public == ann | {
        "username": "Ann",
        "about": "tea",
        "avatar_url": "https://a.example/a.png",
        "custom": {"x": 1},
    }
    assert profile(api, ann, bob) == public
    assert profile(api, ann, ann) == changed == public | OWN


def test_what_is_left_out_stays_and_null_clears(api: Api, ann: Json) -> None:
    change(api, ann, about="tea", avatar_url="http://a.example", share_receipts=False)
    assert change(api, ann)["about"] == "tea"
    cleared = change(api, ann, about=None, avatar_url=None)
    assert (cleared["about"], cleared["avatar_url"], cleared["share_receipts"]) == (None, None, False)


def test_custom_is_merged(api: Api, ann: Json) -> None:
    change(api, ann, custom={"a": 1, "b": {"c": 1, "d": [1, 2]}})
    merged = change(api, ann, custom={"a": None, "b": {"c": None, "d": [3]}, "e": "x"})
    assert merged["custom"] == {"b": {"d": [3]}, "e": "x"}
    change(api, ann, custom={"big": "x" * 3000})
    refused = change(api, ann, 422, custom={"more": "x" * 3000})
    assert (refused["code"], list(refused["errors"])) == ("validation_failed", ["custom"])
    assert "more" not in profile(api, ann, ann)["custom"]


def test_a_profile_is_changed_by_its_user_alone(api: Api, ann: Json, bob: Json) -> None:
    body = {"user_id": bob["id"], "username": "x"}
    assert api.request("PATCH", f"/users/{ann['id']}", body, 403)["code"] == "not_allowed"
    assert profile(api, ann, bob)["username"] == "ann"
    assert profile(api, {"id": str(uuid4())}, bob, 404)["code"] == "user_not_found"


@pytest.mark.parametrize(
    "bad", ["javascript:alert(1)", "//a.example", "ftp://a.example", "https://", "https://a b", "x"]
)
def test_an_avatar_is_a_web_address(api: Api, ann: Json, bad: str) -> None:
    assert list(change(api, ann, 422, avatar_url=bad)["errors"]) == ["avatar_url"]


def test_both_drivers_return_the_public_part_only_when_it_changed(storage: Storage) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    assert storage.update_user(ann, ann.user_id, {"share_presence": False})["public"] is None
    assert storage.update_user(ann, ann.user_id, {"username": "ann"})["public"] is None
    changed = storage.update_user(ann, ann.user_id, {"about": "ψ"})
    assert changed["public"] == public_part(changed["profile"])
    with pytest.raises(ChatError, match="user_not_found"):
        storage.update_user(ann, str(uuid4()), {})


def test_changes_at_once_lose_nothing(storage: Storage) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    threads = [
        threading.Thread(target=storage.update_user, args=(ann, ann.user_id, {"custom": {f"k{n}": n}}))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.update_user(ann, ann.user_id, {})["profile"]["custom"] == {f"k{n}": n for n in range(8)}


def test_a_sign_up_that_renames_is_heard_like_any_change(make_server: Callable[..., Server]) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET)
    api = Api(server)
    ann, bob = ({"id": str(uuid4())} for _ in range(2))
    tokens = {user["id"]: signed(user["id"]) for user in (ann, bob)}
    for user in ann, bob:
        api.user("somebody", **bearer(tokens[user["id"]]))
    body = {"participant_ids": [bob["id"]], "group_name": "g"}
    api.request("POST", "/conversations/create", body, **bearer(tokens[ann["id"]]))
    with Device(server, {"token": tokens[bob["id"]]}) as other:
        other.join(bob)
        renamed = api.user("anna", **bearer(tokens[ann["id"]]))
        heard = renamed | {"about": None, "custom": {}}
        assert other.heard_so_far() == [("userUpdated", heard)]
        assert api.user("anna", **bearer(tokens[ann["id"]])) == renamed
        assert other.heard_so_far() == []  # nothing has changed


def test_those_who_share_a_conversation_hear_of_it(server: Server) -> None:
    api = Api(server)
    ann, bob, eve = api.users("ann", "bob", "eve")
    api.conversation(ann, bob)
    api.conversation(ann, bob)
    with Device(server) as own, Device(server) as acting, Device(server) as other, Device(server) as stranger:
        for device, user in ((own, ann), (acting, ann), (other, bob), (stranger, eve)):
            device.join(user)
        path, body = f"/users/{ann['id']}", {"user_id": ann["id"], "username": "Anna", "share_presence": False}
        changed = api.request("PATCH", path, body, X_Socket_ID=acting.sid)
        heard = public_part(changed)
        assert own.heard_so_far() == other.heard_so_far() == [("userUpdated", heard)]
        assert acting.heard_so_far() == stranger.heard_so_far() == []
        api.request("PATCH", path, {"user_id": ann["id"], "share_receipts": False})
        assert other.heard_so_far() == []


def test_contacts_are_looked_up_among_those_who_are_here(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, bob, eve = (storage.create_user(name)["id"] for name in ("ann", "bob", "eve"))
    for _ in range(2):
        storage.create_conversation(Caller(ann), {"name": "g", "participant_ids": [bob]})
    assert storage.list_contacts(ann, {"user_ids": [ann, bob, eve]}) == [bob]
    assert storage.list_contacts(ann, {"user_ids": [eve]}) == storage.list_contacts(eve, {"user_ids": [ann]}) == []
