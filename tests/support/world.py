"""What the calls of the catalogue speak of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient
from PIL import Image

from tests.support.identity import bearer

Content = dict[str, Any]

IN_A_MONTH = (datetime.now(UTC) + timedelta(days=30)).isoformat()
#: What is uploaded.
FILE = b"the first line\n"
GROUP_NAME, MESSAGE = "the group of ann and bob", "what ann sent to bob"


def picture(width: int = 40, height: int = 30) -> bytes:
    """Return a PNG."""
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


class World:
    """What the calls speak of: ann and bob with a conversation and a message in it; eve and dan are no members.

    `tokens` has a token of each where the server signs them.
    """

    def __init__(self, client: FlaskClient, sql: Callable[..., list[Any]]) -> None:
        self.client = client
        self._sql = sql
        users = {
            name: self._post("/users/create", {"username": name}) for name in ("ann", "bob", "eve", "dan", "fay", "gus")
        }
        self.ids = {name: user["id"] for name, user in users.items()}
        self.tokens = {name: user.get("access_token") for name, user in users.items()}
        self.ann, self.bob, self.eve, self.leaver, self.fay, self.gus = self.ids.values()
        self.hidden = self._open("eve", [], "eve's own")
        self.open_conversation()

    def open_conversation(self) -> None:
        """Open the conversation of ann and bob; once more after a call that has deleted it, or something in it."""
        self.conversation = self._open("ann", [self.bob], GROUP_NAME)
        path = f"/conversations/{self.conversation}"
        self.attachment = self._upload("ann", picture())
        body = {"user_id": self.ann, "message": MESSAGE}
        sent = self._post(f"{path}/messages/create", body | {"attachments": [self.attachment]}, "ann")
        self.message = str(sent["id"])
        later = body | {"send_at": IN_A_MONTH}
        self.scheduled = str(self._post(f"{path}/messages/create", later, "ann")["scheduled"]["id"])
        self.invite = str(self._post(f"{path}/invites", {"user_id": self.ann}, "ann")["code"])

    def next_leaver(self) -> str:
        """Return somebody who is there to be erased."""
        if self._sql("select 1 from users where id = %s and erased_at is not null", self.leaver):
            self.leaver = self._post("/users/create", {"username": "dan"})["id"]
        return self.leaver

    def stored(self) -> list[Any]:
        """Return a digest of everything in the database."""
        tables = (
            "users",
            "conversations",
            "user_conversation",
            "messages",
            "chat_set_aside",
            "chat_reactions",
            "chat_blocks",
            "chat_devices",
            "chat_invites",
        )
        digests = (f"(select md5(string_agg(t::text, ' ' order by t::text)) from {table} as t)" for table in tables)
        return self._sql(f"select {', '.join(digests)}")

    def _open(self, owner: str, participant_ids: list[str], name: str) -> str:
        body = {"owner_id": self.ids[owner], "participant_ids": participant_ids, "group_name": name}
        return str(self._post("/conversations/create", body, owner)["id"])

    def _upload(self, name: str, file: bytes) -> str:
        token, body = self.tokens[name], {"user_id": self.ids[name], "file": (BytesIO(file), "kettle.png")}
        response = self.client.post("/attachments", data=body, headers=bearer(token) if token else None)
        assert response.status_code == 200, response.text
        return str(response.json["id"])

    def _post(self, path: str, body: Content, name: str | None = None) -> Any:
        token = self.tokens[name] if name else None
        response = self.client.post(path, json=body, headers=bearer(token) if token else None)
        assert response.status_code == 200, response.text
        return response.json
