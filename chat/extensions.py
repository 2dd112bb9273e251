"""The unbound extension: imports nothing from chat, so that everything may import it.

The app's own parts stand beside their classes in the same way, as proxies for those of the current app:
`storage` in `chat.storage`, `tokens` in `chat.auth.tokens`, `limits` in `chat.limits`, `sessions` in
`chat.realtime.sessions`, `audiences` in `chat.realtime.audience`.
"""

from typing import Any

from flask_socketio import SocketIO
from werkzeug.local import LocalProxy

socketio = SocketIO()
#: python-socketio's server inside it, which is there once an app has been made.
socket_server: Any = LocalProxy(lambda: socketio.server)
