"""What a notification says of a message."""

import re
from typing import NamedTuple

from ..storage import PushNote

#: Characters of a message's text in a notification.
LONGEST_TEXT = 150
#: Characters of a title: names of groups and people have up to 255.
LONGEST_TITLE = 100

MENTION = re.compile(r"@\[([0-9a-fA-F-]{36})\]")


class Note(NamedTuple):
    """A notification; `body` is None when the text is not to be shown. `data` is what the app opens."""

    title: str
    body: str | None
    data: dict[str, str]

    @property
    def tag(self) -> str:
        """The id of the message: of two notifications with the same one, devices show the later."""
        return self.data["message_id"]


def make_note(found: PushNote, *, with_text: bool) -> Note:
    """Return the notification of a message: in a group its name is the title, and the body begins with the sender."""
    data = {name: str(found[name]) for name in ("conversation_id", "message_id", "seq")}  # type: ignore[literal-required]
    in_group = not found["is_direct"] and bool(found["conversation"])
    title = found["conversation"] if in_group else found["sender"]
    if not with_text:
        return Note(_cut(title, LONGEST_TITLE), None, data)
    text = MENTION.sub(lambda named: "@" + found["names"].get(named[1].lower(), "…"), found["text"])
    body = _cut(" ".join(text.split()) or found["file"] or "", LONGEST_TEXT)
    if in_group:
        body = f"{_cut(found['sender'], LONGEST_TITLE)}: {body}"
    return Note(_cut(title, LONGEST_TITLE), body, data)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
