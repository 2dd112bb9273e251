"""Files of messages: where they are kept, what they are, and what images become."""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..config import Config
from .store import Store


def open_store(config: Config) -> Store:
    """Return the store that the settings name. Nothing is made or connected yet.

    The stores are imported here because one of them brings libraries that the other does not need.
    """
    if config.attachments_store == "supabase":
        from .supabase import SupabaseStore

        return SupabaseStore(config)
    from .directory import DirectoryStore

    return DirectoryStore(config.attachments_dir)


#: The current app's store.
store = cast(Store, LocalProxy(lambda: current_app.extensions["attachments"]))
