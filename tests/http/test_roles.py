"""Who may what in a conversation: every change, by everybody, to everybody."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Api

Json = dict[str, Any]

OWNER, ADMIN, MEMBER, STRANGER = "owner", "admin", "member", "stranger"
EVERYBODY = (OWNER, ADMIN, MEMBER, STRANGER)


class Group:
    """A conversation with one of each role, besides others who are in it too; and a stranger."""

    def __init__(self, api: Api) -> None:
        self.api = api
        names = (*EVERYBODY, "other admin", "other member", "newcomer")
        self.users = dict(zip(names, api.users(*names), strict=True))
        in_it = [user for name, user in self.users.items() if name not in (STRANGER, "newcomer")]
        self.opened = api.conversation(*in_it)
        for name in (ADMIN, "other admin"):
            api.give_role(self.opened, self.users[OWNER], self.users[name], "admin")
        self.path = f"/conversations/{self.opened['id']}"
        self.invite = self.ask(OWNER, "POST", f"{self.path}/invites", 200)["code"]

    def id(self, name: str) -> str:
        return str(self.users[name]["id"])

    def ask(self, by: str, method: str, path: str, status: int, **body: Any) -> Any:
        if method in ("GET", "DELETE"):
            return self.api.request(method, f"{path}?user_id={self.id(by)}", status=status)
        return self.api.request(method, path, {"user_id": self.id(by), **body}, status)


@pytest.fixture
def group(api: Api) -> Group:
    return Group(api)


def participant(name: str) -> Callable[[Group, str], str]:
    """Return where a member is; `self` is whoever asks."""
    return lambda group, caller: f"{group.path}/participants/{group.id(caller if name == 'self' else name)}"


def at(suffix: str = "") -> Callable[[Group, str], str]:
    return lambda group, caller: group.path + suffix


def add(**more: Any) -> Callable[[Group], Json]:
    return lambda group: {"participant_ids": [group.id("newcomer")], **more}


def nothing(group: Group) -> Json:
    return {}


#: What is done: the method, where, with what, and who may.
DEEDS: dict[str, tuple[str, Callable[[Group, str], str], Callable[[Group], Json], tuple[str, ...]]] = {
    "see": ("GET", at(), nothing, (OWNER, ADMIN, MEMBER)),
    "list members": ("GET", at("/participants"), nothing, (OWNER, ADMIN, MEMBER)),
    "rename": ("PATCH", at(), lambda group: {"name": "new"}, (OWNER, ADMIN)),
    "freeze": ("PATCH", at(), lambda group: {"frozen": True}, (OWNER, ADMIN)),
    "change nothing": ("PATCH", at(), nothing, (OWNER, ADMIN)),
    "delete": ("DELETE", at(), nothing, (OWNER,)),
    "add": ("POST", at("/participants"), add(), (OWNER, ADMIN)),
    "add nobody": ("POST", at("/participants"), lambda group: {"participant_ids": []}, (OWNER, ADMIN)),
    "add an admin": ("POST", at("/participants"), add(role="admin"), (OWNER,)),
    "remove a member": ("DELETE", participant("other member"), nothing, (OWNER, ADMIN)),
    "remove an admin": ("DELETE", participant("other admin"), nothing, (OWNER,)),
    "remove the owner": ("DELETE", participant(OWNER), nothing, (OWNER,)),
    "leave": ("DELETE", participant("self"), nothing, (OWNER, ADMIN, MEMBER)),
    "make an admin": ("PATCH", participant("other member"), lambda group: {"role": "admin"}, (OWNER,)),
    "demote an admin": ("PATCH", participant("other admin"), lambda group: {"role": "member"}, (OWNER,)),
    "demote the owner": ("PATCH", participant(OWNER), lambda group: {"role": "admin"}, ()),
    "hand over": ("PATCH", participant("other member"), lambda group: {"role": "owner"}, (OWNER,)),
    "become the owner": ("PATCH", participant("self"), lambda group: {"role": "owner"}, (OWNER,)),
    "own custom": ("PATCH", participant("self"), lambda group: {"custom": {"x": 1}}, (OWNER, ADMIN, MEMBER)),
    "another's custom": ("PATCH", participant("other member"), lambda group: {"custom": {"x": 1}}, (OWNER, ADMIN)),
    "settings": ("PATCH", at("/settings"), lambda group: {"pinned": True}, (OWNER, ADMIN, MEMBER)),
    "join again": ("POST", at("/join"), nothing, (OWNER, ADMIN, MEMBER)),
    "invite": ("POST", at("/invites"), nothing, (OWNER, ADMIN)),
    "list invites": ("GET", at("/invites"), nothing, (OWNER, ADMIN)),
    "take back an invite": ("DELETE", lambda group, caller: f"/invites/{group.invite}", nothing, (OWNER, ADMIN)),
    "look at an invite": ("GET", lambda group, caller: f"/invites/{group.invite}", nothing, EVERYBODY),
    "accept an invite": ("POST", lambda group, caller: f"/invites/{group.invite}", nothing, EVERYBODY),
}


@pytest.mark.parametrize("caller", EVERYBODY)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_role_may_what_it_may(group: Group, deed: str, caller: str) -> None:
    method, where, content, who_may = DEEDS[deed]
    path, version = where(group, caller), group.api.conversation_of(group.opened, group.users[OWNER])["version"]
    if caller in who_may:
        group.ask(caller, method, path, 200, **content(group))
        return
    refused = group.ask(caller, method, path, 404 if caller == STRANGER else 403, **content(group))
    place = "invite" if path.startswith("/invites") else "conversation"
    assert refused["code"] == (f"{place}_not_found" if caller == STRANGER else "not_allowed")
    assert group.api.conversation_of(group.opened, group.users[OWNER])["version"] == version


def test_of_a_direct_conversation_both_are_members_for_ever(api: Api, ann: Json, bob: Json) -> None:
    direct = api.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": bob["id"]})
    path, cid = f"/conversations/{direct['id']}", api.user("cid")
    assert [each["role"] for each in direct["participants"]] == ["member", "member"]
    for user in (ann, bob):
        other = bob if user is ann else ann
        refused = [
            api.add(direct, user, cid, status=403),
            api.remove(direct, user, user, 403),
            api.remove(direct, user, other, 403),
            api.change(direct, user, 403, name="ours"),
            api.change(f"{path}/participants/{other['id']}", user, 403, role="admin"),
            api.change(f"{path}/participants/{user['id']}", user, 403, role="owner"),
            api.request("DELETE", f"{path}?user_id={user['id']}", status=403),
            api.request("POST", f"{path}/invites", {"user_id": user["id"]}, 403),
        ]
        assert {each["code"] for each in refused} == {"not_allowed"}
        assert api.change(f"{path}/participants/{user['id']}", user, custom={"x": user["id"]})["custom"]
        assert api.change(f"{path}/settings", user, archived=True)["archived"] is True
