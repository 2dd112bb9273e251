"""Measures how fast messages are sent and delivered, beside peers that do the same: `make bench`."""
