"""Rate limits: one budget per user (or address) and kind of request, the same for HTTP and for socket events."""

import math
import re
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import islice
from typing import Any, NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from .config import Config
from .errors import ConfigError, TooManyRequests

#: The kinds of budgets, each with a setting RATE_LIMIT_<KIND>.
KINDS = ("signup", "send", "create", "upload", "default", "handshake")
#: Callers of one kind that are counted in memory, about 400 bytes each; the oldest window goes when one more comes.
MAX_CALLERS = 50_000

LIMIT = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(\d*)\s*(second|minute|hour|day)s?\s*", re.IGNORECASE)
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}


class Limit(NamedTuple):
    """So many requests in so many seconds."""

    amount: int
    seconds: int


class Budget(NamedTuple):
    """What is left of a limit: requests allowed in a window, requests left, seconds until the window ends."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class Hit(NamedTuple):
    """The outcome of counting: whether it was allowed, requests left, seconds until the window ends."""

    allowed: bool
    remaining: int
    seconds: float


class Windows:
    """The fixed windows of one limit, counted in memory: constant time and bounded memory for any number of callers.

    A window starts with its caller's first request. All are equally long, so the first to have started ends first.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()  # caller → requests, when it ends

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, caller: str, cost: int) -> Hit:
        """Count `cost` requests of a caller if they fit."""
        now = time.monotonic()
        count, ends_at = self._windows.get(caller, (0, now))
        if ends_at <= now:
            self._make_room(caller, now)
            count, ends_at = 0, now + self._limit.seconds
        allowed = count + cost <= self._limit.amount
        count += cost if allowed else 0
        self._windows[caller] = count, ends_at
        return Hit(allowed, self._limit.amount - count, ends_at - now)

    def _make_room(self, caller: str, now: float) -> None:
        """Forget the caller's last window and up to two others that have ended; the oldest one when there are too many.

        Two, so that the number shrinks while callers come.
        """
        self._windows.pop(caller, None)
        for oldest in list(islice(self._windows, 2)):
            if self._windows[oldest][1] <= now or len(self._windows) >= MAX_CALLERS:
                del self._windows[oldest]


class Limits:
    """The limits of the settings, counted in memory or, for several processes, in Redis.

    While Redis is away each process counts for itself: a limit that is too generous for a moment is better than a chat
    that stands still.
    """

    def __init__(self, config: Config) -> None:
        texts = {kind: text for kind in KINDS if (text := getattr(config, f"rate_limit_{kind}"))}
        self._limits = {kind: _parsed(f"RATE_LIMIT_{kind.upper()}", text) for kind, text in texts.items()}
        self._memory = {kind: Windows(limit) for kind, limit in self._limits.items()}
        self._shared: Any = None
        if config.redis_url:
            from .shared_limits import SharedWindows

            self._shared = SharedWindows(config.redis_url, texts)

    def spend(self, kind: str, user_id: str | None, address: str | None, cost: int = 1) -> Budget | None:
        """Count a request of a user, or of an address when no token says who it is, as `cost` requests.

        Returns what is left, None where there is no limit. Raises 429 rate_limited, and counts nothing, when `cost` is
        more than is left.
        """
        limit = self._limits.get(kind)
        if limit is None:
            return None
        hit = self._hit(kind, user_id or address_key(address or ""), cost)
        budget = Budget(limit.amount, hit.remaining, max(1, math.ceil(round(hit.seconds, 3))))
        if not hit.allowed:
            raise TooManyRequests(retry_after=budget.reset, headers=budget.headers)
        return budget

    def _hit(self, kind: str, caller: str, cost: int) -> Hit:
        shared = self._shared.hit(kind, caller, cost) if self._shared else None
        return Hit(*shared) if shared else self._memory[kind].hit(caller, cost)


#: The current app's limits.
limits = cast(Limits, LocalProxy(lambda: current_app.extensions["limits"]))


def address_key(address: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the /64 that one holder of IPv6 addresses has at hand.

    Proxies may add a port, and brackets. All that is no address is one caller: a client may have made it up.
    """
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _parsed(name: str, text: str) -> Limit:
    found = LIMIT.fullmatch(text)
    limit = Limit(int(found[1]), int(found[2] or 1) * SECONDS[found[3].lower()]) if found else None
    if not limit or limit.amount < 1 or limit.seconds < 1:
        raise ConfigError(f"{name} must be one limit like `600 per minute`, or empty for none, not {text!r}.")
    return limit
