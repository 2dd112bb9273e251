"""How a method of the storage contract becomes a call of its SQL function."""

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar, get_type_hints

import orjson

from ...auth import Caller
from ...errors import ChatError, StorageFault, StorageReadOnly, StorageUnavailable

Method = TypeVar("Method", bound=Callable[..., Any])


class Page(NamedTuple):
    """One page of a list: what its headers need, and the items as the JSON text that clients get."""

    info: dict[str, Any]
    items: str


class Announcement(TypedDict):
    """One event of a write: its name, its payload, and who hears it unless those are the members.

    `user_ids`: these instead of the members. `except_user_ids`: the members but these. `skips`: as in `Event`.
    `age`: of two states that an event names the later one has the larger; otherwise the fields of `Event.grows` say it.
    `root_seq`: the number of the root of the message's thread, where the payload does not say it. `burst`: the message,
    which can stand for this reaction to it and those before.
    """

    event: str
    payload: dict[str, Any]
    user_ids: NotRequired[list[str]]
    except_user_ids: NotRequired[list[str]]
    skips: NotRequired[str]
    age: NotRequired[list[int]]
    root_seq: NotRequired[int | None]
    burst: NotRequired[dict[str, Any]]


class Change(NamedTuple):
    """What a write did: its result, and whether others must hear of it.

    `audience_version` is the version of the conversation's members at the moment of the write. `events` are what the
    others hear; without them it is one event, whose payload is the result.
    """

    result: dict[str, Any]
    audience_version: int
    announce: bool
    events: list[Announcement] | None = None


class Calls(ABC):
    """What a driver provides: the call of one SQL function."""

    #: When the database last refused a write (`time.monotonic()`); None when it has taken one since.
    refused_write_at: float | None = None

    @abstractmethod
    def call_text(self, function: str, **args: Any) -> str:
        """Run one SQL function with named arguments and return its result as JSON text."""

    def call(self, function: str, **args: Any) -> Any:
        """Run one SQL function with named arguments and return its result."""
        return orjson.loads(self.call_text(function, **args))


def sql(method: Method) -> Method:
    """Make `send_message(self, caller, draft)` call `chat_send_message(p_user_id, p_issued_at, p_draft)`.

    The return annotation says what becomes of the result: `str` leaves it as JSON text, `Page` and `Change` are taken
    apart, everything else is parsed.
    """
    function = f"chat_{method.__name__}"
    signature = inspect.signature(method)
    returned = get_type_hints(method)["return"]
    read = READERS.get(returned, orjson.loads)

    @wraps(method)
    def call(self: Calls, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        values: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            if name == "caller":
                values["p_user_id"], values["p_issued_at"] = (value.user_id, value.issued_at) if value else (None, None)
            else:
                values[f"p_{name}"] = value
        try:
            text = self.call_text(function, **values)
        except StorageReadOnly:
            self.refused_write_at = time.monotonic()
            raise
        if returned in (Change, list[Change | ChatError | None]):
            self.refused_write_at = None
        return read(text)

    call.is_sql = True  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def to_error(sqlstate: str, message: str, detail: str | None, hint: str | None = None) -> Exception:
    """Return the error that a SQLSTATE of the database stands for, the same for both drivers.

    `PTnnn` is how the SQL functions raise a `ChatError`: nnn the HTTP status, `message` its code, `hint` the seconds to
    wait, if there are any; with 422 `detail` is its `errors`, as JSON.
    """
    if sqlstate == "PT422" and detail:
        return ChatError(422, message, errors=orjson.loads(detail))
    if len(sqlstate) == 5 and sqlstate.startswith("PT") and sqlstate[2:].isdigit():
        return ChatError(int(sqlstate[2:]), message, detail or None, retry_after=int(hint) if hint else None)
    if sqlstate in ("53100", "25006"):  # the disk is full; a standby that is not promoted yet
        return StorageReadOnly()
    # Connection lost (08), resources (53), operator intervention and time-outs (57), lock not available, and
    # serialization: nothing was written and trying again may well work.
    if sqlstate[:2] in ("08", "53", "57") or sqlstate in ("55P03", "40001", "40P01"):
        return StorageUnavailable()
    return StorageFault(f"{sqlstate}: {message}")


def _read_page(text: str) -> Page:
    """Take apart `{"info": …, "items": […]}` without parsing the items.

    PostgreSQL writes the keys in this order and `info` holds no text of a user, so the first `"items"` is the key.
    """
    head, _, items = text.partition(', "items" : ')
    return Page(orjson.loads(head + "}")["info"], items[:-1])


def _read_change(text: str) -> Change:
    return Change(**orjson.loads(text))


def _read_batch(text: str) -> list[Change | ChatError | None]:
    return [outcome and _read_outcome(outcome) for outcome in orjson.loads(text)]


def _read_outcome(outcome: dict[str, Any]) -> Change | ChatError:
    if "result" in outcome:
        return Change(**outcome)
    return ChatError(outcome["status"], outcome["code"], outcome["detail"])


READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    Page: _read_page,
    Change: _read_change,
    list[Change | ChatError | None]: _read_batch,
}

#: For the annotations of the contract's methods.
__all__ = ["Announcement", "Caller", "Calls", "Change", "Page", "sql", "to_error"]
