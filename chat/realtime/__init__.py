"""Outbound: whose sockets are connected, and what they hear."""
