"""Who came online and who went."""

from ..realtime.presence import presence


def update_presence(_: float) -> None:
    """Tell the database who came and went on this process, and its sockets who did on any."""
    presence.update()
