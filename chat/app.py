"""The application: `create_app` wires every part, in one ordered list."""

import os
from collections.abc import Callable
from threading import Event
from typing import Any

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from . import __version__, cli, errors, logs, sockets
from .actions.changes import new_gate
from .api import conversations, health, hooks, messages, pages, receipts, sync, tokens, users
from .api.blueprint import Api
from .auth.origins import OriginCheck, Origins
from .auth.tokens import Tokens
from .config import Config
from .extensions import socketio
from .limits import Limits
from .policy import budget, public
from .realtime.audience import Audiences
from .realtime.sessions import Sessions
from .storage import Storage, open_storage

MAX_BODY = 1024 * 1024

#: Headers that scripts of other origins may read.
EXPOSED_HEADERS = [
    "Link", "Retry-After", "X-Has-More-After", "X-Has-More-Before", "X-Request-ID",
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
]  # fmt: skip


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
    app.extensions["tokens"] = Tokens(config)
    app.extensions["limits"] = Limits(config)
    app.extensions["gate"] = new_gate(config.storage_timeout)
    app.extensions["audiences"] = Audiences()
    app.extensions["sessions"] = Sessions(config.max_sessions_per_user)
    app.extensions["jobs_added"] = Event()
    hooks.init_app(app)
    origins = Origins(config)
    CORS(app, origins=origins.cors, expose_headers=EXPOSED_HEADERS, max_age=86400)
    _add_api(app)
    errors.init_app(app)
    _add_sockets(app, origins)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=1)  # type: ignore[method-assign]
    cli.init_app(app)
    return app


def _add_api(app: Flask) -> None:
    api = Api(app)
    for endpoint in ("static", "api-docs.openapi_json"):  # views of the libraries
        app.view_functions[endpoint] = public()(budget(None)(_own(app.view_functions[endpoint])))
    api.register_converter(IdConverter, lambda _: {"type": "string", "format": "uuid"})
    for module in (pages, health, users, tokens, conversations, messages, receipts, sync):
        api.register_blueprint(module.blueprint)


def _add_sockets(app: Flask, origins: Origins) -> None:
    http = app.wsgi_app
    sockets.init_app()
    socketio.init_app(
        app,
        async_mode="eventlet",
        cors_allowed_origins=lambda origin, environ: origins.allows(origin or "", environ.get("HTTP_HOST", "")),
        # One event of a socket after the other: what a client sends in order is done in order, and who floods
        # fills its own pipe.
        async_handlers=False,
        max_http_buffer_size=MAX_BODY,
        manage_session=False,
    )
    if app.config["CHAT"].auth_mode == "open":  # outermost, so that Socket.IO is behind it too
        app.wsgi_app = OriginCheck(app.wsgi_app, http, origins)  # type: ignore[method-assign]


def _own(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that can carry a policy; a bound method cannot."""
    return lambda **arguments: view(**arguments)
