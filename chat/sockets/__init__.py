"""Inbound Socket.IO: a second way to the actions that HTTP has."""

from ..extensions import socketio
from .asyncapi import document
from .namespace import ChatNamespace

__all__ = ["document", "init_app"]


def init_app() -> None:
    """Register the namespace; once, since the extension keeps it for every app. The server is made afterwards."""
    if not socketio.namespace_handlers:
        socketio.on_namespace(ChatNamespace("/"))
