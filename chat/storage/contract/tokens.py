"""Tokens and their end."""

from typing import NotRequired, TypedDict

from .calls import Caller, Calls, sql


class Revocation(TypedDict):
    """The end of all tokens of a user that were issued before `revoked_at` (Unix seconds).

    `is_erased`: the user has gone, and every session ends.
    """

    user_id: str
    revoked_at: float
    is_erased: NotRequired[bool]


class Tokens(Calls):
    """The end of tokens."""

    @sql
    def revoke_tokens(self, caller: Caller) -> Revocation:
        """Refuse all tokens of the caller issued before now."""

    @sql
    def list_revocations(self, seconds: float) -> list[Revocation]:
        """Return the revocations of the last `seconds`."""
