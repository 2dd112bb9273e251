"""What a device must show that knows nothing yet and loads everything now."""

from typing import Any

from tests.support.client import Api
from tests.support.equivalence import ABOUT

Json = dict[str, Any]


def all_messages(api: Api, conversation: Json, first_seq: int = 1) -> list[Json]:
    """Return the conversation's messages from the one numbered `first_seq` on, page by page."""
    messages: list[Json] = []
    while page := api.messages(conversation, f"after_seq={first_seq - 1 + len(messages)}&limit=200"):
        messages += page
    return messages


def fresh_messages(api: Api, user_id: str, first_seqs: dict[str, int]) -> list[Json]:
    """Return the conversations, each with its messages from the given number on."""
    listed = api.conversations({"id": user_id}, "limit=100&message_limit=0")
    return [
        {
            **{name: conversation[name] for name in (*ABOUT, "version", "last_seq")},
            "messages": all_messages(api, conversation, first_seqs[conversation["id"]]),
        }
        for conversation in listed
    ]


def fresh_pointers(api: Api, user_id: str) -> dict[str, Json]:
    """Return the unread count and everyone's pointers in each conversation; the places that tell them agree."""
    unread = api.request("GET", f"/unread?user_id={user_id}")
    assert unread["total"] == sum(unread["conversations"].values())
    pointers = {}
    for conversation in api.conversations({"id": user_id}, "limit=100&message_limit=0"):
        id = conversation["id"]
        assert unread["conversations"].get(id, 0) == conversation["unread_count"]
        receipts = api.request("GET", f"/conversations/{id}/receipts?user_id={user_id}")
        all_pointers = {each["user_id"]: (each["read_seq"], each["delivered_seq"]) for each in receipts}
        own = conversation["last_read_seq"], conversation["last_delivered_seq"]
        assert all_pointers[user_id] == own
        pointers[id] = {"unread_count": conversation["unread_count"], "pointers": all_pointers}
    return pointers
