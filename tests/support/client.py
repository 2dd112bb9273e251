"""The HTTP API with verbs, over Flask's test client or the real server."""

from typing import Any

from flask.testing import FlaskClient

from .server import Server


class Api:
    """Each method makes one request, expects it to succeed and returns its JSON."""

    def __init__(self, through: FlaskClient | Server) -> None:
        self._through = through

    def request(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        if isinstance(self._through, Server):
            response = self._through.request(method, path, body, **headers)
            answer, got = response.json(), response.status
        else:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            flask_response = self._through.open(path, method=method, json=body, headers=named)
            answer, got = flask_response.json, flask_response.status_code
        assert got == status, answer
        return answer

    def user(self, username: str = "somebody", **headers: str) -> dict[str, Any]:
        return self.request("POST", "/users/create", {"username": username}, **headers)

    def users(self, *usernames: str) -> list[dict[str, Any]]:
        return [self.user(username) for username in usernames]

    def conversation(self, owner: dict[str, Any], *participants: dict[str, Any], **headers: str) -> dict[str, Any]:
        body = {
            "owner_id": owner["id"],
            "participant_ids": [each["id"] for each in participants],
            "group_name": "a group",
        }
        return self.request("POST", "/conversations/create", body, **headers)

    def send(
        self,
        conversation: dict[str, Any],
        user: dict[str, Any],
        message: str = "hello",
        client_id: str | None = None,
        **headers: str,
    ) -> dict[str, Any]:
        body = {"user_id": user["id"], "message": message, "client_id": client_id}
        return self.request("POST", f"/conversations/{conversation['id']}/messages/create", body, **headers)

    def members(self, conversation: dict[str, Any], user: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        return self.request("GET", f"/conversations/{conversation['id']}/participants?user_id={user['id']}&{query}")

    def add(self, conversation: dict[str, Any], by: dict[str, Any], *users: dict[str, Any], **more: Any) -> Any:
        status, headers = more.pop("status", 200), more.pop("headers", {})
        body = {"user_id": by["id"], "participant_ids": [user["id"] for user in users], **more}
        return self.request("POST", f"/conversations/{conversation['id']}/participants", body, status, **headers)

    def remove(
        self, conversation: dict[str, Any], by: dict[str, Any], user: dict[str, Any], status: int = 200, **headers: str
    ) -> Any:
        path = f"/conversations/{conversation['id']}/participants/{user['id']}?user_id={by['id']}"
        return self.request("DELETE", path, status=status, **headers)

    def change(self, what: dict[str, Any] | str, by: dict[str, Any], status: int = 200, **changes: Any) -> Any:
        """Change a conversation, or what is at a path."""
        path = what if isinstance(what, str) else f"/conversations/{what['id']}"
        headers = changes.pop("headers", {})
        return self.request("PATCH", path, {"user_id": by["id"], **changes}, status, **headers)

    def give_role(self, conversation: dict[str, Any], by: dict[str, Any], user: dict[str, Any], role: str) -> Any:
        return self.change(f"/conversations/{conversation['id']}/participants/{user['id']}", by, role=role)

    def conversation_of(self, conversation: dict[str, Any], user: dict[str, Any], status: int = 200) -> Any:
        """Return a conversation as the user sees it."""
        return self.request("GET", f"/conversations/{conversation['id']}?user_id={user['id']}", status=status)

    def messages(self, conversation: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        return self.request("GET", f"/conversations/{conversation['id']}/messages?{query}")

    def conversations(self, user: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        return self.request("GET", f"/conversations?user_id={user['id']}&{query}")

    def sync(self, user: dict[str, Any], since: dict[str, int] | None = None, limit: int = 50) -> dict[str, Any]:
        return self.request("POST", "/sync", {"user_id": user["id"], "since": since or {}, "limit": limit})
