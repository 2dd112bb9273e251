"""`seed-demo`: people who have talked for some days, for a first look."""

from itertools import cycle
from uuid import UUID, uuid5

import click

from ..auth import Caller
from ..storage import Storage
from .output import lent_storage

#: Ids of the demo follow from names, so that a second run finds what the first one made.
NAMESPACE = UUID("5b1c0c0e-9a53-4a57-9f0c-6d1c3f1f7f10")
DAY = 24 * 3600.0
#: People whom `seed-demo` makes.
PEOPLE = ("Ada", "Bruno", "Chioma", "Dilek", "Emil", "Fatou", "Gustav", "Hana")

#: Conversations: who is in them, the first the owner, and what was said, in turn, from the oldest to the newest.
TALKS: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "Garden": (
        ("Ada", "Bruno", "Chioma", "Dilek", "Emil"),
        (
            ("Ada", "The seedlings are out. Who has room on a window sill?"),
            ("Bruno", "I can take twelve pots."),
            ("Chioma", "Eight for me, if they like the afternoon sun 🌞"),
            ("Dilek", "Which ones are the tomatoes?"),
            ("Ada", "The hairy ones. The smooth ones are peppers."),
            ("Emil", "Water is on again at the back gate."),
            ("Bruno", "Frost tonight! Cover the beds, please."),
            ("Dilek", "Done, with the old curtains."),
            ("Chioma", "You are a hero."),
            ("Ada", "Saturday, ten o'clock: compost. Bring gloves."),
            ("Emil", "I bring the wheelbarrow."),
            ("Bruno", "And I the cake."),
        ),
    ),
    "Trip to the coast": (
        ("Fatou", "Gustav", "Hana", "Ada"),
        (
            ("Fatou", "Four beds from Friday to Sunday, 20 minutes to the beach. Shall I book?"),
            ("Gustav", "Yes!"),
            ("Hana", "Yes, please. What does each of us owe you?"),
            ("Fatou", "64 each. No hurry."),
            ("Ada", "Train or car?"),
            ("Gustav", "Train: 8:14, change once, there at 11:02.\nCar: three hours, and no wine at lunch."),
            ("Hana", "Train 🚆"),
            ("Ada", "Train."),
            ("Fatou", "Booked. I have the tickets on my phone."),
            ("Gustav", "Forecast: 24 °C and a light wind from the west."),
        ),
    ),
    "Release 2.4": (
        ("Hana", "Emil", "Dilek"),
        (
            ("Hana", "Tests are green on main since this morning."),
            ("Emil", "I still see the time-out on slow connections, about one in two hundred."),
            ("Dilek", "Log line? The request id would do."),
            ("Emil", "`c39e9281`, 14:02 UTC"),
            ("Dilek", "Found it: we retry without a pause. The fix is small."),
            ("Hana", "Then we wait for it. Better on Thursday and right."),
            ("Dilek", "Merged. Could somebody try it on a train?"),
            ("Emil", "I am on one. Works through two tunnels."),
            ("Hana", "Ship it."),
        ),
    ),
}


@click.command("seed-demo")
@click.option(
    "--days", type=click.IntRange(1, 365), default=6, show_default=True, help="How many days they have talked."
)
def seed_demo(days: int) -> None:
    """Make people, conversations and messages to look at. A second run adds nothing."""
    with lent_storage() as storage:
        callers = {name: Caller(storage.create_user(name, _id(f"user {name}"))["id"]) for name in PEOPLE}
        for name, (members, said) in TALKS.items():
            conversation = _conversation(storage, callers, name, members)
            _say(storage, callers, conversation, said)
            storage.age_demo(conversation, _ages(len(said), days))
            _read(storage, callers, conversation, members, len(said))
    names = ", ".join(PEOPLE)
    click.echo(f"{len(TALKS)} conversations of {names}. `token Ada` signs a token; her id is {callers['Ada'].user_id}.")


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


def _say(storage: Storage, callers: dict[str, Caller], conversation: str, said: tuple[tuple[str, str], ...]) -> None:
    for number, (name, text) in enumerate(said):
        storage.send_message(callers[name], conversation, {"message": text, "client_id": f"demo-{number}"})


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
