"""Inbound HTTP: routes, bodies, identity, limits, the server itself."""
