"""How settings are declared."""

from dataclasses import field
from typing import Any


def setting(default: Any, doc: str, *, secret: bool = False) -> Any:
    """Declare a setting: its default and the sentence that documents it. The `repr` does not show a secret."""
    return field(default=default, metadata={"doc": doc}, repr=not secret)


def names_in(text: str) -> list[str]:
    """Return the names in a setting that separates them by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
