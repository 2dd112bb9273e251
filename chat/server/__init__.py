"""The wire: listening, HTTP, WebSockets, Engine.IO sockets, start and stop. `Start` and `serve` are the way in."""
