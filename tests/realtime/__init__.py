"""Sockets: what they send, what they hear, and the official clients."""
