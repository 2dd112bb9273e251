"""The public keys of an identity provider, as its JWKS address publishes them (RFC 7517)."""

import logging
import time
from threading import Lock, Thread

import jwt
import urllib3

from ..errors import Unauthorized

log = logging.getLogger(__name__)

#: Keys of other algorithms are ignored: an HMAC secret in a public set would let anyone sign.
ALGORITHMS = frozenset({"ES256", "RS256"})
#: Seconds between two fetches: clients that make up key ids must not make us flood the provider.
FETCH_INTERVAL = 60.0
#: Seconds until a failed fetch is tried again. Short: without a key nobody can sign in.
RETRY_INTERVAL = 5.0
#: Seconds after which known keys are fetched again, so that a withdrawn one stops working.
KEYS_LIFETIME = 600.0


class KeySet:
    """Keys by their `kid`: fetched when first needed, and again when a `kid` is unknown or the keys are old.

    While the provider is down the last keys stay in use. A token with a known key never waits for a fetch.
    """

    algorithms = ALGORITHMS

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self._url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout), retries=False)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._old_at = float("-inf")
        self._next_fetch = float("-inf")
        self._fetching = Lock()

    def key(self, kid: str | None) -> jwt.PyJWK:
        """Return the key named `kid` (a set of one needs no name). Raises 401 token_invalid when there is none."""
        if self._find(kid) is None:
            self._fetch()
        elif time.monotonic() > max(self._old_at, self._next_fetch) and not self._fetching.locked():
            Thread(target=self._fetch, daemon=True).start()
        key = self._find(kid)
        if key is None:
            raise Unauthorized("token_invalid", "The token is signed with a key that is not known here.")
        return key

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _fetch(self) -> None:
        """Fetch the keys, at most once every FETCH_INTERVAL. Who calls meanwhile waits and uses the result."""
        with self._fetching:
            if time.monotonic() < self._next_fetch:
                return
            try:
                self._keys = self._published()
            except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
                self._next_fetch = time.monotonic() + RETRY_INTERVAL
                log.warning("the identity provider's keys could not be fetched from %s: %s", self._url, error)
            else:
                self._next_fetch = time.monotonic() + FETCH_INTERVAL
                self._old_at = time.monotonic() + KEYS_LIFETIME

    def _published(self) -> dict[str | None, jwt.PyJWK]:
        answer = self._http.request("GET", self._url)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        keys = {}
        for each in answer.json()["keys"]:
            try:
                key = jwt.PyJWK(each)
            except jwt.PyJWTError:  # of a kind that is not known here
                continue
            if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
                keys[key.key_id] = key
        return keys
