"""What a device must show that knows nothing yet and loads everything now. Where two routes tell it, they agree."""

from typing import Any

from tests.support.client import Api
from tests.support.known import ABOUT, SETTINGS

Json = dict[str, Any]


def all_messages(api: Api, conversation: Json, first_seq: int = 1, query: str = "") -> list[Json]:
    """Return the conversation's messages from the one numbered `first_seq` on, page by page."""
    messages: list[Json] = []
    after = first_seq - 1
    while page := api.messages(conversation, f"after_seq={after}&limit=200{query}"):
        messages += page
        after = page[-1]["seq"]
    return messages


def fresh_pointers(api: Api, user_id: str) -> dict[str, Json]:
    """Return the unread count and everyone's pointers in each conversation."""
    unread = api.request("GET", f"/unread?user_id={user_id}")
    assert unread["total"] == sum(unread["conversations"].values())
    pointers = {}
    for conversation in api.conversations({"id": user_id}, "limit=100&message_limit=0&archived=true"):
        id = conversation["id"]
        assert unread["conversations"].get(id, 0) == conversation["unread_count"]
        receipts = api.request("GET", f"/conversations/{id}/receipts?user_id={user_id}")
        all_pointers = {each["user_id"]: (each["read_seq"], each["delivered_seq"]) for each in receipts}
        own = conversation["last_read_seq"], conversation["last_delivered_seq"]
        assert all_pointers[user_id] == own
        pointers[id] = {"unread_count": conversation["unread_count"], "pointers": all_pointers}
    return pointers


def fresh(api: Api, user_id: str, first_seqs: dict[str, int]) -> dict[str, Json]:
    """Return everything that a device shows, messages from the given numbers on, by conversation."""
    listed = api.conversations({"id": user_id}, "limit=100&message_limit=0&archived=true")
    assert [each["pinned"] for each in listed] == sorted((each["pinned"] for each in listed), reverse=True)
    shown = api.conversations({"id": user_id}, "limit=100&message_limit=0")
    assert shown == [each for each in listed if not each["archived"]]
    pointers = fresh_pointers(api, user_id)
    found = {}
    for each in listed:
        members = api.members(each, {"id": user_id})
        assert len(members) == each["member_count"]
        assert sorted(user["id"] for user in members) == sorted(user["id"] for user in each["participants"])
        found[each["id"]] = {
            "about": {name: each[name] for name in (*ABOUT, "version", "last_seq")},
            "settings": {name: each[name] for name in SETTINGS},
            "messages": all_messages(api, each, first_seqs.get(each["id"], 1), f"&user_id={user_id}"),
            **pointers[each["id"]],
        }
    check_lists(api, user_id, found)
    return found


def check_lists(api: Api, user_id: str, found: dict[str, Json]) -> None:
    """Assert that the lists of messages hold those that are in them by what they say themselves."""
    for id, conversation in found.items():
        alive = [each for each in conversation["messages"] if not each["deleted_at"]]
        first = min((each["seq"] for each in conversation["messages"]), default=1)
        pins = api.request("GET", f"/conversations/{id}/pins?user_id={user_id}&limit=100")
        assert sorted(each["id"] for each in pins if each["seq"] >= first) == sorted(
            each["id"] for each in alive if each["pinned_at"]
        )
    for mention in api.request("GET", f"/mentions?user_id={user_id}&limit=100"):
        kept = {each["seq"]: each for each in found[mention["conversation_id"]]["messages"]}
        if mention["seq"] >= min(kept, default=2**53):
            assert kept[mention["seq"]]["id"] == mention["id"]
            assert user_id in kept[mention["seq"]]["mentions"]


def differences(shown: Any, expected: Any, place: str = "") -> list[str]:
    """Return where two states differ, one line each."""
    if isinstance(shown, dict) and isinstance(expected, dict):
        names = [*shown, *(name for name in expected if name not in shown)]
        pairs = [(str(name), shown.get(name), expected.get(name)) for name in names]
    elif isinstance(shown, list) and isinstance(expected, list) and len(shown) == len(expected):
        pairs = [(str(index), *both) for index, both in enumerate(zip(shown, expected, strict=True))]
    else:
        return [] if shown == expected else [f"{place}: {shown!r} is not {expected!r}"]
    return [line for name, *both in pairs for line in differences(*both, f"{place}.{name}")]
