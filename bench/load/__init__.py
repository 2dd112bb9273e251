"""The load generator: a process of its own that speaks HTTP/1.1 and Socket.IO by hand, so that it costs little."""
