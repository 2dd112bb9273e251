"""Rate limits: one budget per user (or address) and kind of request, the same for HTTP and for socket events."""

import logging
import math
import time
from typing import NamedTuple

import limits
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from .config import Config
from .errors import ConfigError, TooManyRequests

log = logging.getLogger(__name__)


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
            for kind in ("signup", "send", "default")
        }
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._shared = self._memory
        if config.redis_url:
            self._shared = FixedWindowRateLimiter(storage_from_string(config.redis_url, wrap_exceptions=True))

    def spend(self, kind: str, caller: str) -> Budget | None:
        """Count one request of `caller` (a user id or an address); return what is left, None where there is no limit.

        Raises 429 rate_limited when nothing is left.
        """
        limit = self._limits[kind]
        if limit is None:
            return None
        try:
            allowed, reset_time, remaining = _hit(self._shared, limit, kind, caller)
        except StorageError:
            allowed, reset_time, remaining = _hit(self._memory, limit, kind, caller)
        budget = Budget(limit.amount, remaining, max(1, math.ceil(reset_time - time.time())))
        if not allowed:
            raise TooManyRequests(retry_after=budget.reset, headers=budget.headers)
        return budget


def _hit(limiter: FixedWindowRateLimiter, limit: limits.RateLimitItem, kind: str, caller: str) -> tuple[bool, float, int]:
    allowed = limiter.hit(limit, kind, caller)
    return (allowed, *limiter.get_window_stats(limit, kind, caller))


def _parsed(name: str, text: str | None) -> limits.RateLimitItem | None:
    if not text:
        return None
    try:
        return limits.parse(text)
    except ValueError:
        raise ConfigError(f"{name} must be like `600 per minute` or empty, not {text!r}.") from None
