"""The application: `create_app` wires every part, in one ordered list."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import click
from flask import Flask, Response, current_app, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from . import __version__, auth, errors, logs, sockets
from .api import conversations, health, messages, pages, receipts, sync, tokens, users
from .api.blueprint import Api
from .config import Config
from .errors import NotFound, StartupError
from .extensions import socketio
from .limits import Limits, limits
from .realtime.presence import Presence
from .schemas.fields import parse_id
from .storage import Storage, open_storage

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024

#: Headers that scripts of other origins may read.
EXPOSED_HEADERS = [
    "Link", "Retry-After", "X-Has-More-After", "X-Has-More-Before", "X-Request-ID",
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
]  # fmt: skip

#: What browsers are told about every answer; the pages here need nothing from elsewhere.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
}

BUDGETS = {"users.create_user": "signup", "messages.send_message": "send"}
WITHOUT_LIMIT = frozenset({"health.alive", "health.ready", "pages.home", "static", None})


class IdConverter(BaseConverter):
    """The id of something in a path. Any text fits: what is no UUID names nothing, which is a 404 of that noun."""

    regex = "[^/]+"


def create_app(config: Config | None = None, storage: Storage | None = None) -> Flask:
    """Return the application for these settings (the environment's by default). Raises `StartupError`.

    Nothing is connected yet: `storage.open()` does that, called by `chat.server.serve`.
    """
    config = config or Config.from_env(os.environ)
    logs.init(config)
    app = Flask(__name__, static_folder="web", static_url_path="/web")
    app.config.update(
        CHAT=config,
        MAX_CONTENT_LENGTH=MAX_BODY,
        API_TITLE="Chat",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "security": [{"bearer": []}],
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
        },
    )
    app.url_map.converters["id"] = IdConverter
    app.extensions["storage"] = storage or open_storage(config)
    app.extensions["tokens"] = auth.Tokens(config)
    app.extensions["limits"] = Limits(config)
    app.extensions["presence"] = Presence(config.max_sessions_per_user)
    app.before_request(_start)
    app.before_request(_admit)
    app.before_request(_normalise_ids)
    app.after_request(_finish)
    CORS(app, origins=_cors_origins(config.origins), expose_headers=EXPOSED_HEADERS, max_age=86400)
    _add_api(app)
    errors.init_app(app)
    _add_sockets(app, config)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=1)  # type: ignore[method-assign]
    app.cli.add_command(_migrate)
    return app


def _add_api(app: Flask) -> None:
    api = Api(app)
    api.register_converter(IdConverter, lambda _: {"type": "string", "format": "uuid"})
    for module in (pages, health, users, tokens, conversations, messages, receipts, sync):
        api.register_blueprint(module.blueprint)


def _add_sockets(app: Flask, config: Config) -> None:
    sockets.init_app()
    socketio.init_app(
        app,
        async_mode="eventlet",
        cors_allowed_origins=_origin_check(config.origins),
        # One event of a socket after the other: what a client sends in order is done in order, and who floods
        # fills its own pipe.
        async_handlers=False,
        max_http_buffer_size=MAX_BODY,
        manage_session=False,
    )


def _cors_origins(origins: str | list[str]) -> str | list[re.Pattern[str]]:
    """Return the origins as patterns: flask-cors takes a text with brackets, as in an IPv6 address, for one."""
    return origins if isinstance(origins, str) else [re.compile(re.escape(each) + r"\Z") for each in origins]


def _origin_check(origins: str | list[str]) -> str | Callable[[str, dict[str, Any]], bool]:
    """Return CORS_ORIGINS as Engine.IO takes it. It asks for pages of this server too, which need no permission."""
    if isinstance(origins, str):
        return origins
    return lambda origin, environ: origin in origins or urlsplit(origin).netloc == environ.get("HTTP_HOST")


def _start() -> None:
    g.started_at = time.perf_counter()


def _admit() -> None:
    """Find out who asks, and count the request; also one whose token is refused."""
    try:
        auth.authenticate()
    finally:
        _spend()


def _spend() -> None:
    """Count the request against its sender's budget: the user's where a token says who it is, else the address's."""
    if request.endpoint in WITHOUT_LIMIT or request.method == "OPTIONS":
        return
    identity = auth.identity()
    kind = BUDGETS.get(request.endpoint or "", "default")
    g.budget = limits.spend(kind, identity and identity.user_id, request.remote_addr)


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
    response.headers["X-Request-ID"] = errors.request_id()
    response.headers.update(SECURITY_HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if g.get("budget"):
        response.headers.update(g.budget.headers)
    if log.isEnabledFor(logging.INFO):
        path = quote(request.path)  # a line break in it must not start a line of the log
        took = (time.perf_counter() - g.started_at) * 1000
        log.info("%s %s %d %.1f ms [%s]", request.method, path, response.status_code, took, errors.request_id())
    return response


@click.command("migrate")
def _migrate() -> None:
    """Bring the database's schema up to date."""
    storage: Storage = current_app.extensions["storage"]
    try:
        click.echo(storage.migrate())
    except StartupError as error:
        click.echo(f"chat: {error}", err=True)
        sys.exit(1)
    finally:
        storage.close()
