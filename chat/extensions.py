"""The unbound extensions and the current app's own parts; imports nothing from chat, so nothing goes in circles."""

from typing import TYPE_CHECKING, Any, cast

from flask import current_app
from flask_socketio import SocketIO
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from .auth import Tokens
    from .limits import Limits
    from .realtime.presence import Presence
    from .storage import Storage

socketio = SocketIO()
#: python-socketio's server inside it, which is there once an app has been made.
socket_server: Any = LocalProxy(lambda: socketio.server)

storage = cast("Storage", LocalProxy(lambda: current_app.extensions["storage"]))
tokens = cast("Tokens", LocalProxy(lambda: current_app.extensions["tokens"]))
limits = cast("Limits", LocalProxy(lambda: current_app.extensions["limits"]))
presence = cast("Presence", LocalProxy(lambda: current_app.extensions["presence"]))
