"""The public keys of an identity provider, as its JWKS address publishes them (RFC 7517)."""

import logging
import time
from threading import Lock

import jwt
import urllib3

from .errors import Unauthorized

log = logging.getLogger(__name__)

#: Seconds between two fetches, whatever unknown key ids arrive: strangers must not make us flood the provider.
FETCH_INTERVAL = 60.0
#: Seconds after which known keys are asked for again, so that a withdrawn key stops working.
KEYS_LIFETIME = 600.0


class KeySet:
    """Keys by their `kid`: fetched when first needed, again when an unknown one appears or they are old.

    While the provider is down the last good keys stay in use.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self._url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout), retries=False)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = Lock()

    def key(self, kid: str | None) -> jwt.PyJWK:
        """Return the key named `kid` (a set of one needs no name). Raises 401 token_invalid when there is none."""
        age = time.monotonic() - self._fetched_at
        if age > KEYS_LIFETIME or self._find(kid) is None:
            self._fetch()
        key = self._find(kid)
        if key is None:
            raise Unauthorized("token_invalid", "The token is signed with a key that is not known here.")
        return key

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _fetch(self) -> None:
        with self._lock:
            if time.monotonic() - self._tried_at < FETCH_INTERVAL:
                return
            self._tried_at = time.monotonic()
            try:
                answer = self._http.request("GET", self._url)
                if answer.status != 200:
                    raise ValueError(f"status {answer.status}")
                keys = jwt.PyJWKSet.from_dict(answer.json()).keys
            except (urllib3.exceptions.HTTPError, jwt.PyJWTError, ValueError, AttributeError) as error:
                log.warning("the identity provider's keys could not be fetched from %s: %s", self._url, error)
                return
            self._keys = {key.key_id: key for key in keys}
            self._fetched_at = time.monotonic()
