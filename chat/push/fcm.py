"""Firebase Cloud Messaging, its HTTP v1 API: https://firebase.google.com/docs/cloud-messaging/send/v1-api"""

import json
import logging
import time
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from ..config import Config
from ..storage import PushTarget
from .http import Answer, post, post_json
from .notes import Note
from .outcomes import Outcome, PushFailed, outcome_of

log = logging.getLogger(__name__)

SEND_URL = "https://fcm.googleapis.com/v1/projects/{project_id}/messages:send"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
#: Seconds before its end at which an access token is renewed.
MARGIN = 60


class Fcm:
    """Sends to devices with Firebase's tokens."""

    def __init__(self, config: Config) -> None:
        path = Path(config.fcm_service_account_file).expanduser()
        self._account: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        self._url = SEND_URL.format(project_id=self._account["project_id"])
        self._lock = Lock()
        self._token, self._ends_at = "", 0.0

    def send(self, target: PushTarget, note: Note) -> Outcome:
        """Send to one device. Raises `PushFailed` when Google does not answer."""
        token = self._access_token()
        answer = post_json(
            self._url, {"message": _message(target["token"], note)}, {"authorization": f"Bearer {token}"}
        )
        if answer.status == 401:
            with self._lock:
                if self._token == token:
                    self._token = ""  # revoked before its time
            return Outcome.LATER
        return _outcome_of(answer)

    def _access_token(self) -> str:
        """Return a token for a while. Raises `PushFailed`."""
        with self._lock:
            if not self._token or time.monotonic() > self._ends_at - MARGIN:
                self._token, seconds = self._fetch_token()
                self._ends_at = time.monotonic() + seconds
            return self._token

    def _fetch_token(self) -> tuple[str, float]:
        import jwt

        now = int(time.time())
        claims = {"iss": self._account["client_email"], "aud": self._account["token_uri"], "scope": SCOPE}
        try:
            assertion = jwt.encode({**claims, "iat": now, "exp": now + 3600}, self._account["private_key"], "RS256")
        except (ValueError, jwt.PyJWTError) as error:
            raise PushFailed(f"the key of the service account cannot be used: {error}") from None
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = post(self._account["token_uri"], urlencode(form).encode(), headers)
        granted = answer.json()
        if answer.status != 200 or "access_token" not in granted:
            raise PushFailed(f"Google gives no access token: {answer.status} {answer.body[:300]!r}")
        return granted["access_token"], float(granted.get("expires_in") or 0)


def _message(token: str, note: Note) -> dict[str, Any]:
    shown = {"title": note.title} | ({"body": note.body} if note.body is not None else {})
    group = note.data["conversation_id"]
    return {
        "token": token,
        "notification": shown,
        "data": note.data,
        "android": {"priority": "HIGH", "notification": {"tag": note.tag}},
        "apns": {
            "headers": {"apns-collapse-id": note.tag, "apns-priority": "10"},
            "payload": {"aps": {"sound": "default", "thread-id": group}},
        },
    }


def _outcome_of(answer: Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome.SENT
    error = answer.json().get("error")
    details = error.get("details") if isinstance(error, dict) else None
    facts = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    codes = {each.get("errorCode") for each in facts}
    wrong = {violation.get("field") for each in facts for violation in each.get("fieldViolations") or ()}
    if "UNREGISTERED" in codes or "message.token" in wrong:
        return Outcome.DEAD
    outcome = outcome_of(answer.status)
    if outcome is Outcome.REFUSED:
        log.error("FCM refuses a notification: %d %s", answer.status, answer.body[:300].decode(errors="replace"))
    return outcome
