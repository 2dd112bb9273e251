"""Inbound Socket.IO: the other door to the same actions."""

from ..extensions import socketio
from .namespace import ChatNamespace


def init_app() -> None:
    """Register the namespace; once, since the extension keeps it for every app. The server is made afterwards."""
    if not socketio.namespace_handlers:
        socketio.on_namespace(ChatNamespace("/"))
