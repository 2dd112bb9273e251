"""Files of messages: where they are kept, what they are, and what images become."""

from .store import Store, open_store, store

__all__ = ["Store", "open_store", "store"]
