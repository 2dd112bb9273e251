"""Invites are made, accepted and taken back."""

import re
import secrets
from typing import Any

from ..auth import Caller
from ..errors import NotFound
from ..realtime.events import NEW_CONVERSATION
from ..storage import storage
from .changes import commit, system_messages

#: What `create` makes: 128 bits.
CODE = re.compile(r"[A-Za-z0-9_-]{22}")


def create(caller: Caller, conversation_id: str, draft: dict[str, Any]) -> str:
    """Make an invite. Raises 404 conversation_not_found, 403 not_allowed."""
    return storage.create_invite(caller, conversation_id, secrets.token_urlsafe(16), draft)


def get(caller: Caller, code: str) -> str:
    """Return what an invite says. Raises 404 invite_not_found."""
    return storage.get_invite(caller, _checked(code))


def accept(caller: Caller, code: str) -> dict[str, Any]:
    """Enter the conversation of an invite, and announce it. Raises 404 invite_not_found."""
    conversation_id = storage.get_invite_conversation(_checked(code))["conversation_id"]
    return commit(
        NEW_CONVERSATION, caller, conversation_id, lambda: storage.accept_invite(caller, code, system_messages())
    )


def delete(caller: Caller, code: str) -> str:
    """Take an invite back. Raises 404 invite_not_found, 403 not_allowed."""
    return storage.delete_invite(caller, _checked(code))


def _checked(code: str) -> str:
    if not CODE.fullmatch(code):
        raise NotFound("invite")
    return code
