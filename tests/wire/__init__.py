"""The wire: HTTP, WebSockets and long-polling as bytes, against the real server."""
