"""Rate limits: one budget per user (or address) and kind of request, the same for HTTP and for socket events."""

import logging
import math
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple, cast

from flask import current_app
from limits import RateLimitItem, parse_many
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.local import LocalProxy

from .config import Config
from .errors import ConfigError, TooManyRequests

log = logging.getLogger(__name__)

#: Seconds that Redis may take to answer.
REDIS_TIMEOUT = 1.0
#: Seconds until a Redis that did not answer is asked again: not every request should wait for it.
REDIS_PAUSE = 5.0


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


class Limits:
    """The limits of the settings, counted in memory or, for several processes, in Redis.

    While Redis is away each process counts for itself: a limit that is too generous for a moment is
    better than a chat that stands still.
    """

    def __init__(self, config: Config) -> None:
        self._limits = {
            kind: _parsed(f"RATE_LIMIT_{kind.upper()}", getattr(config, f"rate_limit_{kind}"))
            for kind in ("signup", "send", "create", "default", "handshake")
        }
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._redis = _redis(config.redis_url) if config.redis_url else None
        self._redis_pauses_until = float("-inf")

    def spend(self, kind: str, user_id: str | None, address: str | None, cost: int = 1) -> Budget | None:
        """Count a request of a user, or of an address when no token says who it is, as `cost` requests.

        Returns what is left, None where there is no limit. Raises 429 rate_limited when nothing is left.
        """
        limit = self._limits[kind]
        if limit is None:
            return None
        allowed, reset_time, remaining = self._hit(limit, cost, kind, user_id or address_key(address or ""))
        budget = Budget(limit.amount, remaining, max(1, math.ceil(reset_time - time.time())))
        if not allowed:
            raise TooManyRequests(retry_after=budget.reset, headers=budget.headers)
        return budget

    def _hit(self, limit: RateLimitItem, cost: int, kind: str, key: str) -> tuple[bool, float, int]:
        if self._redis and time.monotonic() >= self._redis_pauses_until:
            try:
                return _hit(self._redis, limit, cost, kind, key)
            except StorageError:
                self._redis_pauses_until = time.monotonic() + REDIS_PAUSE
                log.warning("Redis does not answer: each process counts its rate limits for itself meanwhile")
        return _hit(self._memory, limit, cost, kind, key)


#: The current app's limits.
limits = cast(Limits, LocalProxy(lambda: current_app.extensions["limits"]))


def _hit(
    limiter: FixedWindowRateLimiter, limit: RateLimitItem, cost: int, kind: str, key: str
) -> tuple[bool, float, int]:
    allowed = limiter.hit(limit, kind, key, cost=cost)
    return (allowed, *limiter.get_window_stats(limit, kind, key))


def address_key(address: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the /64 that one holder of IPv6 addresses has at hand."""
    try:
        parsed = ip_address(address)
    except ValueError:  # some proxies add a port, or write what they like
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _redis(url: str) -> FixedWindowRateLimiter:
    try:
        storage = storage_from_string(
            url,
            wrap_exceptions=True,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # once: an idle connection may have been closed
        )
    except (ValueError, ConfigurationError):
        raise ConfigError("REDIS_URL is no address that can be used; it looks like redis://host:6379.") from None
    return FixedWindowRateLimiter(storage)  # type: ignore[arg-type]


def _parsed(name: str, text: str | None) -> RateLimitItem | None:
    if not text:
        return None
    try:
        (limit,) = parse_many(text)
        if limit.amount < 1 or limit.multiples < 1:
            raise ValueError("nothing would be allowed")
    except ValueError:
        raise ConfigError(f"{name} must be one limit like `600 per minute`, or empty for none, not {text!r}.") from None
    return limit
