"""Clients catch up: a few at a time, so that thousands who come back at once leave the others their connections."""

from threading import BoundedSemaphore

#: Held while a client joins or asks what it missed. Fewer than STORAGE_POOL_SIZE, which sends need too.
lane = BoundedSemaphore(3)
