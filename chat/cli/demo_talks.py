"""What the people of `seed-demo` have said."""

from typing import NamedTuple


class Said(NamedTuple):
    """A message, and what others did with it. Messages are named by their places in the talk; `{Ada}` mentions Ada."""

    name: str
    text: str
    answers: int | None = None
    thread: int | None = None
    reactions: dict[str, tuple[str, ...]] = {}
    is_pinned: bool = False
    has_picture: bool = False
    #: What it said at first.
    draft: str = ""


#: People whom `seed-demo` makes.
PEOPLE = ("Ada", "Bruno", "Chioma", "Dilek", "Emil", "Fatou", "Gustav", "Hana")

#: Conversations: who is in them, the first the owner, and what was said, from the oldest to the newest. One without a
#: name is the direct one of the two.
TALKS: dict[str, tuple[tuple[str, ...], tuple[Said, ...]]] = {
    "Garden": (
        ("Ada", "Bruno", "Chioma", "Dilek", "Emil"),
        (
            Said("Ada", "The seedlings are out. Who has room on a window sill?", reactions={"🌱": ("Bruno", "Chioma")}),
            Said("Bruno", "I can take twelve pots.", thread=0),
            Said("Chioma", "Eight for me, if they like the afternoon sun 🌞", thread=0),
            Said("Dilek", "Which ones are the tomatoes?"),
            Said("Ada", "The hairy ones. The smooth ones are peppers.", answers=3, reactions={"👍": ("Dilek", "Emil")}),
            Said("Emil", "Water is on again at the back gate."),
            Said(
                "Bruno",
                "The bed this morning:",
                has_picture=True,
                reactions={"😍": ("Ada", "Chioma", "Dilek"), "❤️": ("Emil",), ":green_thumb:": ("Ada",)},
            ),
            Said("Bruno", "Frost tonight! Cover the beds, please.", reactions={"🥶": ("Dilek",)}),
            Said("Dilek", "Done, with the old curtains.", answers=7),
            Said("Chioma", "You are a hero, {Dilek}.", reactions={"❤️": ("Dilek", "Ada", "Bruno", "Emil")}),
            Said(
                "Ada",
                "Saturday, ten o'clock: compost. Bring gloves.",
                is_pinned=True,
                draft="Sunday, ten o'clock: compost.",
            ),
            Said("Emil", "I bring the wheelbarrow.", thread=10),
            Said("Bruno", "And I the cake.", thread=10, reactions={"🍰": ("Ada", "Chioma", "Dilek")}),
        ),
    ),
    "Trip to the coast": (
        ("Fatou", "Gustav", "Hana", "Ada"),
        (
            Said("Fatou", "Four beds from Friday to Sunday, 20 minutes to the beach. Shall I book?", is_pinned=True),
            Said("Gustav", "Yes!"),
            Said("Hana", "Yes, please. What does each of us owe you?"),
            Said("Fatou", "64 each. No hurry.", answers=2),
            Said("Ada", "Train or car?"),
            Said(
                "Gustav",
                "Train: 8:14, change once, there at 11:02.\nCar: three hours, and no wine at lunch.",
                answers=4,
            ),
            Said("Hana", "Train 🚆", thread=4),
            Said("Ada", "Train.", thread=4),
            Said("Fatou", "Booked. I have the tickets on my phone.", reactions={"🎉": ("Ada", "Gustav", "Hana")}),
            Said("Gustav", "Forecast: 24 °C and a light wind from the west.", reactions={"😎": ("Fatou",)}),
        ),
    ),
    "Release 2.4": (
        ("Hana", "Emil", "Dilek"),
        (
            Said("Hana", "Tests are green on main since this morning."),
            Said(
                "Emil",
                "I still see the time-out on slow connections, about one in two hundred.",
                reactions={"👀": ("Dilek",)},
            ),
            Said("Dilek", "Log line? The request id would do.", thread=1),
            Said("Emil", "`c39e9281`, 14:02 UTC", thread=1),
            Said("Dilek", "Found it: we retry without a pause. The fix is small.", thread=1),
            Said("Hana", "Then we wait for it. Better on Thursday and right.", is_pinned=True),
            Said("Dilek", "Merged. {Emil}, could you try it on a train?"),
            Said("Emil", "I am on one. Works through two tunnels.", answers=6, reactions={"🚆": ("Hana",)}),
            Said("Hana", "Ship it.", reactions={"🚀": ("Emil", "Dilek"), "🎉": ("Emil",)}),
        ),
    ),
    "": (
        ("Ada", "Bruno"),
        (
            Said("Bruno", "Is the kettle on?"),
            Said("Ada", "It is. Come over the fence."),
            Said("Bruno", "Two minutes ☕", reactions={"🏃": ("Ada",)}),
        ),
    ),
}
