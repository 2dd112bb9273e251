"""Open mode obeys no web page: which `Host` names and which browser origins are served.

Open mode believes its callers, and any page that somebody visits can call a server on that person's machine or network.
Browsers say in `Origin` which page calls; a page whose name was rebound to this machine's address (DNS rebinding) calls
itself its own origin, but cannot hide the name, which stands in `Host`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address
from typing import Any

from ..config import Config
from ..error_codes import CODES
from ..errors import ChatError

#: Where a refused request carries its `ChatError` to the application's hooks.
REFUSAL = "chat.refusal"

#: Pages of this machine. Apps packed with web technology use schemes of their own, as in capacitor://localhost.
LOOPBACK_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(([a-z0-9-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?\Z"
)
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/?#@,\s]+)(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}
#: Pairs of a host and an origin whose permission is remembered.
MAX_REMEMBERED = 256


class Origins:
    """The hosts and origins that the settings allow."""

    def __init__(self, config: Config) -> None:
        self._hosts = {_canonical(name) for name in (config.host, *config.hosts)}
        self._allows_addresses = _canonical(config.host) in ("0.0.0.0", "::")  # noqa: S104
        self._allows_all = config.origins == "*"
        self._patterns = [re.compile(re.escape(each) + r"\Z") for each in config.origins]
        if config.auth_mode == "open":
            self._patterns.append(LOOPBACK_ORIGIN)

    @property
    def cors(self) -> str | list[re.Pattern[str]]:
        """The allowed origins as flask-cors takes them."""
        return "*" if self._allows_all else self._patterns

    def allows_host(self, host: str) -> bool:
        """Whether open mode answers to this `Host`.

        On every interface (HOST=0.0.0.0) it answers to every IP address: rebinding needs a name.
        """
        name, _ = _parsed(host)
        try:
            address = ip_address(name)
        except ValueError:
            return name in self._hosts or name == "localhost" or name.endswith(".localhost")
        return address.is_loopback or self._allows_addresses or name in self._hosts

    def allows(self, origin: str, host: str) -> bool:
        """Whether pages of this origin may call. A page of this server needs no permission: its origin is `host`."""
        origin = origin.rstrip("/").lower()  # React Native adds a slash
        listed = self._allows_all or any(pattern.match(origin) for pattern in self._patterns)
        return listed or _is_origin_of(origin, host)


class OriginCheck:
    """WSGI: in open mode, hands requests of foreign pages to `refuse` with their `ChatError` in the environment."""

    def __init__(self, accept: Any, refuse: Any, origins: Origins) -> None:
        self._accept = accept
        self._refuse = refuse
        self._refusal = lru_cache(MAX_REMEMBERED)(partial(_refusal, origins))  # clients send the same ones

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        code = self._refusal(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN", ""))
        if code is None:
            return self._accept(environ, start_response)
        environ[REFUSAL] = ChatError(CODES[code][0], code)
        return self._refuse(environ, start_response)


def _refusal(origins: Origins, host: str, origin: str) -> str | None:
    """Return the code with which a request that names this host and origin is refused."""
    if not origins.allows_host(host):
        return "host_not_allowed"
    if origin and not origins.allows(origin, host):
        return "origin_not_allowed"
    return None


def _is_origin_of(origin: str, host: str) -> bool:
    scheme, _, netloc = origin.partition("://")
    (name, port), (own_name, own_port) = _parsed(netloc), _parsed(host)
    default = DEFAULT_PORTS.get(scheme)
    return bool(name) and (name, port or default) == (own_name, own_port or default)


def _parsed(host: str) -> tuple[str, int | None]:
    """Return the name in a `Host` header, without brackets, and the port; an empty name when it is none."""
    found = HOST.fullmatch(host)
    if found is None:
        return "", None
    return _canonical(found["name"]), int(found["port"]) if found["port"] else None


def _canonical(name: str) -> str:
    """Return a host name in lower case; an IP address in its shortest form, one mapped into IPv6 as IPv4."""
    name = name.strip("[]").lower().removesuffix(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
