"""Rate limits in a Redis that several processes share. Imported only where there is one: its client takes 10 MB."""

import logging
import time

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import ConfigError

log = logging.getLogger(__name__)

#: Seconds that Redis may take to answer.
REDIS_TIMEOUT = 1.0
#: Seconds until a Redis that did not answer is asked again: not every request should wait for it.
REDIS_PAUSE = 5.0


class SharedWindows:
    """The fixed windows of all limits, `{kind: "600 per minute"}`, counted in Redis."""

    def __init__(self, url: str, limits: dict[str, str]) -> None:
        """Raises `ConfigError` for an address that cannot be used; nothing is connected yet."""
        self._limits: dict[str, RateLimitItem] = {kind: parse(text) for kind, text in limits.items()}
        self._pauses_until = float("-inf")
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
        self._redis = FixedWindowRateLimiter(storage)  # type: ignore[arg-type]

    def hit(self, kind: str, caller: str, cost: int) -> tuple[bool, int, float] | None:
        """Count `cost` requests if they fit: whether they did, requests left, seconds until the window ends.

        None while Redis is away.
        """
        if time.monotonic() < self._pauses_until:
            return None
        try:
            return self._hit(self._limits[kind], kind, caller, cost)
        except StorageError:
            self._pauses_until = time.monotonic() + REDIS_PAUSE
            log.warning("Redis does not answer: each process counts its rate limits for itself meanwhile")
            return None

    def _hit(self, limit: RateLimitItem, kind: str, caller: str, cost: int) -> tuple[bool, int, float]:
        allowed = self._redis.hit(limit, kind, caller, cost=cost)
        if not allowed and cost > 1:  # it has been counted all the same, and one request may still fit
            self._redis.storage.incr(limit.key_for(kind, caller), limit.get_expiry(), amount=-cost)
        ends_at, remaining = self._redis.get_window_stats(limit, kind, caller)
        return allowed, remaining, ends_at - time.time()
