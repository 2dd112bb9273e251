"""What happens before and after every request, as the route's policy says."""

import logging
import time
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request

from .. import errors
from ..auth.caller import authenticate, identity
from ..auth.origins import REFUSAL
from ..errors import NotFound
from ..limits import limits
from ..policy import Policy, policy_of
from ..schemas.fields import parse_id

log = logging.getLogger(__name__)

#: What our pages may load, unless a view says otherwise: no script or style stands in a page, and none is made of text.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: https:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

#: Headers of every answer. Our pages load nothing from other origins.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)

#: Characters of a path in the log.
LONGEST_PATH = 200

#: What the router answers by itself: 404, 405, a browser's preflight.
OPEN = Policy(is_public=True, reads_token=False, budget=None)


def init_app(app: Flask) -> None:
    """Run the hooks around every request of `app`."""
    app.before_request(_start)
    app.before_request(_admit)
    app.before_request(_normalise_ids)
    app.after_request(_finish)


def spend(kind: str, cost: int = 1) -> None:
    """Count the request against the limit of the token's user or, without a token, of the address.

    Raises 429 rate_limited.
    """
    known = identity()
    g.budget = None  # a refusal brings headers of its own
    g.budget = limits.spend(kind, known and known.user_id, request.remote_addr, cost)


def _start() -> None:
    g.started_at = time.perf_counter()


def _admit() -> None:
    """Authenticate the caller and count the request, also when its token is refused."""
    if REFUSAL in request.environ:
        raise request.environ[REFUSAL]
    policy = OPEN
    if request.endpoint and request.method != "OPTIONS":
        policy = policy_of(current_app.view_functions[request.endpoint])
    try:
        authenticate(policy)
    finally:
        if policy.budget:
            spend(policy.budget)


def _normalise_ids() -> None:
    if request.method == "OPTIONS":  # a browser's preflight must pass for the page to see the 404
        return
    for name, value in (request.view_args or {}).items():
        if name.endswith("_id"):
            parsed = parse_id(value)
            if parsed is None:
                raise NotFound(name.removesuffix("_id"))
            request.view_args[name] = parsed  # type: ignore[index]


def _finish(response: Response) -> Response:
    headers = [("X-Request-ID", errors.request_id()), *SECURITY_HEADERS]
    if "Content-Security-Policy" not in response.headers:
        headers.append(("Content-Security-Policy", CONTENT_POLICY))
    if request.is_secure:
        headers.append(("Strict-Transport-Security", "max-age=31536000"))
    if g.get("budget"):
        headers += g.budget.headers.items()
    response.headers.extend(headers)  # none of them is there yet: setting each would look for it
    if log.isEnabledFor(logging.INFO):
        # Clients may send anything as a method or a path.
        method, path = quote(request.method[:20]), quote(request.path)[:LONGEST_PATH]
        took = (time.perf_counter() - g.started_at) * 1000
        log.info("%s %s %d %.1f ms [%s]", method, path, response.status_code, took, errors.request_id())
    return response
