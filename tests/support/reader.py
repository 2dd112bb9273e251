"""A client that comes back with nothing but its cursor, and what it must show afterwards."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
#: Makes one sync of the client's user: `ask(since={}, limit=50)`, `ask(cursor="…", limit=50)`.
Ask = Callable[..., Json]

#: What is said of a conversation besides its messages, in a summary and in a whole one.
COUNTERS = ("version", "last_seq", "unread_count", "last_read_seq", "last_delivered_seq")


class Reader:
    """Keeps what syncs brought, as docs/clients.md says."""

    def __init__(self, ask: Ask, limit: int = 50) -> None:
        self.ask = ask
        self.limit = limit
        self.cursor: str | None = None
        self.conversations: dict[str, Json] = {}

    def pull(self) -> Json:
        """Make one sync, apply its answer and return it."""
        answer = self.ask(cursor=self.cursor, limit=self.limit) if self.cursor else self.ask(since={}, limit=self.limit)
        if answer["reset"]:
            self.conversations = {}
        for id in answer["removed"]:
            self.conversations.pop(id, None)
        for synced in answer["conversations"]:
            self._apply(synced)
        self.cursor = answer["cursor"]
        return answer

    def _apply(self, synced: Json) -> None:
        if "recovered" not in synced:
            self.conversations[synced["id"]].update(synced)
            return
        known = self.conversations.get(synced["id"], {"messages": {}})["messages"] if synced["recovered"] else {}
        changed = {message["id"]: message for message in synced["messages"]}
        self.conversations[synced["id"]] = {**synced, "messages": known | changed}

    def catch_up(self, most: int = 1000) -> int:
        """Sync until there is no more, and return how many answers it took."""
        for count in range(1, most + 1):
            if not self.pull()["has_more"]:
                return count
        raise AssertionError(f"has_more does not end within {most} answers")

    def shows_what_a_fresh_one_shows(self) -> None:
        """Assert that nothing is missing and nothing is stale, in comparison with a client that knows nothing yet."""
        fresh = Reader(self.ask, self.limit)
        fresh.catch_up()
        assert self.conversations.keys() == fresh.conversations.keys()
        for id, expected in fresh.conversations.items():
            mine = self.conversations[id]
            for name in (*COUNTERS, "name", "participants"):
                assert mine[name] == expected[name], name
            assert expected["messages"].items() <= mine["messages"].items()
            seqs = sorted(message["seq"] for message in mine["messages"].values())
            assert seqs == list(range(mine["last_seq"] - len(seqs) + 1, mine["last_seq"] + 1))
