"""`seed-demo`: people who have talked for some days, for a first look."""

import re
from io import BytesIO
from itertools import cycle
from typing import Any
from uuid import UUID, uuid5

import click
import orjson
from flask import current_app

from ..actions.attachments import upload
from ..auth import Caller
from ..errors import ChatError
from ..schemas.attachments import Upload
from ..storage import Storage
from .demo_picture import draw
from .demo_talks import PEOPLE, TALKS, Said
from .output import lent_storage

#: Ids of the demo follow from names, so that a second run finds what the first one made.
NAMESPACE = UUID("5b1c0c0e-9a53-4a57-9f0c-6d1c3f1f7f10")
DAY = 24 * 3600.0


@click.command("seed-demo")
@click.option(
    "--days", type=click.IntRange(1, 365), default=6, show_default=True, help="How many days they have talked."
)
def seed_demo(days: int) -> None:
    """Make people, conversations and messages to look at: threads, quotes, reactions, pins, a picture, what was read.

    A second run adds nothing. It is meant for a database of its own: what it makes is there for everybody.
    """
    with lent_storage() as storage:
        callers = {name: Caller(storage.create_user(name, _id(f"user {name}"))["id"]) for name in PEOPLE}
        for name, (members, said) in TALKS.items():
            conversation = (_conversation if name else _direct)(storage, callers, name, members)
            _say(storage, callers, conversation, callers[members[0]], said)
            storage.age_demo(conversation, _ages(len(said), days))
            _read(storage, callers, conversation, members, len(said))
    names = ", ".join(PEOPLE)
    click.echo(f"{len(TALKS)} conversations of {names}.")
    id = callers["Ada"].user_id
    if current_app.config["CHAT"].auth_mode == "open":
        click.echo(f"To look at it as Ada, start the web client with her id in place of a name: {id}")
    else:
        click.echo(f"Ada's id is {id}; `token Ada` signs a token for her.")


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE, name))


def _conversation(storage: Storage, callers: dict[str, Caller], name: str, members: tuple[str, ...]) -> str:
    """Return the conversation of this name that a run of before has made, or make it."""
    people = {callers[each].user_id for each in members}
    for found in storage.find_conversations(name, 200):
        if found["name"] == name:
            described = storage.describe_conversation(found["id"], 200) or {}
            if {each["id"] for each in described.get("members", ())} == people:
                return found["id"]
    owner = callers[members[0]]
    draft = {"name": name, "participant_ids": [callers[each].user_id for each in members]}
    return str(storage.create_conversation(owner, draft).result["id"])


def _direct(storage: Storage, callers: dict[str, Caller], _: str, members: tuple[str, ...]) -> str:
    one, other = (callers[each] for each in members)
    return str(storage.open_direct_conversation(one, other.user_id).result["id"])


def _say(
    storage: Storage, callers: dict[str, Caller], conversation: str, owner: Caller, said: tuple[Said, ...]
) -> None:
    """Say it as clients do. What a run of before has said is not said again, and gets the first answer."""
    there = (storage.describe_conversation(conversation, 0) or {})["last_seq"]
    ids: list[str] = []
    for number, each in enumerate(said):
        mentions = re.findall(r"{(\w+)}", each.text)
        draft: dict[str, Any] = {
            "message": each.draft or _mention(callers, each.text), "client_id": f"demo-{number}",
            "mentions": [callers[name].user_id for name in mentions],
            "reply_to": None if each.answers is None else ids[each.answers],
            "thread_id": None if each.thread is None else ids[each.thread],
        }  # fmt: skip
        if each.has_picture and number >= there:
            draft["attachments"] = _upload(callers[each.name])
        sent = storage.send_message(callers[each.name], conversation, draft).result
        ids.append(sent["id"])
        if each.draft and sent["message"] == each.draft:
            storage.edit_message(callers[each.name], sent["id"], {"message": each.text})
        if each.is_pinned:
            storage.set_pin(owner, sent["id"], True)
        for emoji, names in each.reactions.items():
            for name in names:
                storage.add_reaction(callers[name], sent["id"], emoji)


def _mention(callers: dict[str, Caller], text: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: f"@[{callers[found[1]].user_id}]", text)


def _upload(caller: Caller) -> list[str]:
    """Upload a picture and return its id; none where the store of files does not answer."""
    picture = draw()
    try:
        return [str(orjson.loads(upload(caller, Upload(BytesIO(picture), len(picture), "bed.png"), None))["id"])]
    except ChatError as error:
        click.echo(f"Without a picture: {error.detail}", err=True)
        return []


def _ages(count: int, days: int) -> dict[str, float]:
    """Return how many seconds ago each was sent: bursts of some minutes, spread over the days, up to now."""
    pauses = cycle((90.0, 420.0, days * DAY / count * 3))
    gaps = [next(pauses) for _ in range(count - 1)]
    scale = min(1.0, days * DAY / sum(gaps))
    ages = [60.0]
    for gap in reversed(gaps):
        ages.append(ages[-1] + gap * scale)
    return {f"demo-{number}": age for number, age in enumerate(reversed(ages))}


def _read(
    storage: Storage, callers: dict[str, Caller], conversation: str, members: tuple[str, ...], count: int
) -> None:
    """Let the members have read up to different places: some have something new."""
    for place, name in enumerate(members):
        storage.update_receipt(
            callers[name], conversation, {"read_seq": max(count - 2 * place, 1), "delivered_seq": count}
        )
