"""How the files of the server depend on each other: downwards only; short; events leave from one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("chat/**/*.py"), ROOT / "wsgi.py"])

#: From the top to the bottom; a module imports from lower lines only, and from its own package.
LAYERS = [
    {"wsgi", "__main__"},
    {"server"},
    {"app"},
    {"cli"},
    {"jobs"},
    {"api", "sockets"},
    {"actions"},
    {"realtime", "push"},
    {"storage"},
    {"auth", "limits", "logs", "embedded", "attachments"},
    {"shared_limits"},
    {"schemas", "config", "extensions"},
    {"config_checks", "config_listeners"},
    {"config_fields"},
    {"errors", "policy", "files", "patch", "green"},
    {"error_codes"},
    {"__init__"},
]


def imports(path: Path) -> Iterator[str]:
    """Yield which part of the package a file imports, for types alone left out."""
    tree = ast.parse(path.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module or "").split(".")] if node.module else base
            if full[:1] == ["chat"]:
                yield from [full[1]] if len(full) > 1 else (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("chat."))


def part(path: Path) -> str:
    """Return the part of the package that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "chat" else parts[0]


def rank(name: str) -> int:
    return next((rank for rank, layer in enumerate(LAYERS) if name in layer), len(LAYERS))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards_only(path: Path) -> None:
    own = part(path)
    assert rank(own) < len(LAYERS), f"{own} has no layer yet"
    upwards = [name for name in imports(path) if name != own and rank(name) <= rank(own)]
    assert upwards == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250


def test_events_are_sent_from_one_place() -> None:
    senders = [
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("emit", "send_event")
    ]
    # chat/server/rooms.py is how python-socketio's `emit` does it.
    assert [name for name in senders if name != "rooms.py"] == ["announce.py"]
