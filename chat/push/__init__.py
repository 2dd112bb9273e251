"""The services that bring notifications to devices while their people are away. `open_push(config)` is the way in."""

from .endpoints import may_send_to, token_of
from .notes import Note, make_note
from .outcomes import Outcome, PushFailed, Sent
from .services import Push, open_push, push

__all__ = [
    "Note",
    "Outcome",
    "Push",
    "PushFailed",
    "Sent",
    "make_note",
    "may_send_to",
    "open_push",
    "push",
    "token_of",
]
