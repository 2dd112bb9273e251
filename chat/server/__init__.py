"""The wire: listening, HTTP, WebSockets, Engine.IO sockets, start and stop. `serve(app)` is the way in."""

from .serve import serve

__all__ = ["serve"]
