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

    def messages(self, conversation: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        return self.request("GET", f"/conversations/{conversation['id']}/messages?{query}")

    def conversations(self, user: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        return self.request("GET", f"/conversations?user_id={user['id']}&{query}")

    def sync(self, user: dict[str, Any], since: dict[str, int] | None = None, limit: int = 50) -> dict[str, Any]:
        return self.request("POST", "/sync", {"user_id": user["id"], "since": since or {}, "limit": limit})
