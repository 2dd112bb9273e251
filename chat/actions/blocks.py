"""Users block others."""

from ..auth import Caller
from ..realtime.presence import presence
from ..realtime.privacy import privacies
from ..storage import storage


def block(caller: Caller, target_id: str) -> str:
    """Block a user and return the block (JSON text). Raises 404 user_not_found, 403 not_allowed for oneself."""
    block = storage.block_user(caller, target_id)
    privacies.forget(caller.user_id, target_id)
    presence.hide(caller.user_id, target_id)
    return block


def unblock(caller: Caller, target_id: str) -> str:
    """Take a block back, if there is one, and return it without a time (JSON text). Raises 404 user_not_found."""
    block = storage.unblock_user(caller, target_id)
    privacies.forget(caller.user_id, target_id)
    return block
