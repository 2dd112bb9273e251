"""Devices: where people are reached while they are away."""

from typing import Any, TypedDict

from .calls import Caller, Calls, sql


class PushTarget(TypedDict):
    """A device; the endpoint and the keys are those of Web Push."""

    token: str
    service: str
    endpoint: str | None
    p256dh: str | None
    auth: str | None
    registered_at: str


class PushNote(TypedDict):
    """What there is to tell of a message. `text` is its beginning, in which `names` are those of `@[id]`."""

    conversation_id: str
    message_id: str
    seq: int
    is_direct: bool
    conversation: str
    sender: str
    text: str
    file: str | None
    names: dict[str, str]


class PushTargets(TypedDict):
    """The devices on one page that are to hear of a message; `next` is the user after whom the next page begins."""

    note: PushNote | None
    targets: list[PushTarget]
    next: str | None


class Devices(Calls):
    """Devices: registered, listed, forgotten; and those that are to hear of a message."""

    @sql
    def put_device(self, caller: Caller, target_id: str, token: str, device: dict[str, Any]) -> str:
        """Register a device `{service, endpoint?, p256dh?, auth?}` of the caller's and return it (JSON text).

        Whoever had it before has it no longer. Raises 403 not_allowed for another user.
        """

    @sql
    def delete_device(self, caller: Caller, target_id: str, token: str) -> str:
        """Forget a device of the caller's, if there is one, and return what is left of it (JSON text).

        Raises 403 not_allowed for another user.
        """

    @sql
    def list_devices(self, caller: Caller, target_id: str) -> str:
        """Return the caller's devices, 50 at most (JSON text). Raises 403 not_allowed for another user."""

    @sql
    def list_push_targets(self, message_id: str, query: dict[str, Any]) -> PushTargets:
        """Return the devices that are to hear of a message: `{services, limit, after?, tokens?}`.

        Those of the first `limit` members after the user `after`; with `tokens` those of these that still are to hear.
        """

    @sql
    def forget_devices(self, devices: dict[str, str]) -> None:
        """Forget devices that their services call dead, `{token: registered_at}`, unless registered anew since."""
