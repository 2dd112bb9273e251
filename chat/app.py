"""The application: `create_app` wires every part, in one ordered list."""

import json
import os
from functools import cache
from threading import Event
from typing import Any

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from . import cli, errors, logs, sockets
from .actions.changes import new_gate
from .api import (
    attachments,
    blocks,
    conversations,
    devices,
    documents,
    edits,
    health,
    hooks,
    invites,
    members,
    messages,
    pages,
    pins,
    reactions,
    receipts,
    scheduled,
    search,
    sync,
    threads,
    tokens,
    users,
)
from .api.answers import HEADERS
from .api.openapi import Api
from .api.uploads import max_upload
from .attachments import open_store
from .auth.origins import OriginCheck, Origins
from .auth.tokens import Tokens
from .config import Config
from .extensions import socketio
from .limits import Limits
from .policy import budget, public, raises
from .push import open_push
from .realtime.audience import Audiences
from .realtime.presence import Presence
from .realtime.privacy import Privacies
from .realtime.sessions import Sessions
from .realtime.typing import Typing
from .storage import Storage, open_storage

MAX_BODY = 1024 * 1024


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
    app.config.update(CHAT=config, MAX_CONTENT_LENGTH=MAX_BODY)
    app.url_map.converters["id"] = IdConverter
    app.extensions["storage"] = storage or open_storage(config)
    app.extensions["tokens"] = Tokens(config)
    app.extensions["limits"] = Limits(config)
    app.extensions["gate"] = new_gate(config.storage_timeout)
    app.extensions["audiences"] = Audiences()
    app.extensions["readiness"] = health.Readiness()
    app.extensions["privacies"] = Privacies()
    typing, presence = Typing(), Presence()
    app.extensions.update(typing=typing, presence=presence)
    app.extensions["sessions"] = Sessions(config.max_sessions_per_user, (typing.leave, presence.leave))
    app.extensions["jobs_added"] = Event()
    app.extensions["attachments"] = open_store(config)
    app.extensions["push"] = open_push(config)
    # (method, path) → bytes: routes whose view reads `request.stream` as it comes
    app.extensions["streams"] = {("POST", "/attachments"): max_upload(config.max_attachment_bytes)}
    hooks.init_app(app)
    origins = Origins(config)
    CORS(app, origins=origins.cors, expose_headers=list(HEADERS), max_age=86400, always_send=False)
    _add_api(app, config)
    errors.init_app(app)
    _add_sockets(app, origins)
    cli.init_app(app)
    return app


def _add_api(app: Flask, config: Config) -> None:
    api = Api(app, IdConverter)
    nouns = (
        users,
        devices,
        blocks,
        tokens,
        conversations,
        members,
        invites,
        messages,
        edits,
        reactions,
        pins,
        threads,
        scheduled,
        search,
        attachments,
        receipts,
        sync,
    )
    for module in (pages, documents, health, *nouns):
        api.register_blueprint(module.blueprint)
    # Made when they are first asked for: a command never does.
    app.extensions["openapi"] = cache(api.describe)
    app.extensions["asyncapi"] = cache(lambda: json.dumps(sockets.document(config)))
    static = app.view_functions["static"]  # Flask's own view, a bound method, which cannot carry a policy
    view: Any = lambda **path: static(**path)  # noqa: E731
    app.view_functions["static"] = public()(budget(None)(raises("not_found")(view)))


def _add_sockets(app: Flask, origins: Origins) -> None:
    """Add Socket.IO, and what every request passes: the check of its origin, and whom our proxies name.

    `app.wsgi_app` serves all; `app.extensions["http"]` what is not Socket.IO, for a server that can tell.
    """
    config: Config = app.config["CHAT"]
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

    def behind(served: Any) -> Any:
        if config.auth_mode == "open":
            served = OriginCheck(served, http, origins)
        return ProxyFix(served, x_for=config.trusted_proxies, x_proto=1) if config.trusted_proxies else served

    app.extensions["http"] = behind(http)
    app.wsgi_app = behind(app.wsgi_app)  # type: ignore[method-assign]
