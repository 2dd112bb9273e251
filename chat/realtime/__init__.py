"""Outbound Socket.IO: the connected sockets and the events that they hear."""
