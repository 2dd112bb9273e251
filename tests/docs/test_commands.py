"""docs/commands.md names every command, and no other."""

import re
from pathlib import Path

import click

from chat.cli import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def names() -> set[str]:
    """Return the commands, subcommands too."""
    found = {"serve"}  # of chat/__main__.py, which would patch this process
    for command in COMMANDS:
        found.add(str(command.name))
        if isinstance(command, click.Group):
            found |= {f"{command.name} {name}" for name in command.commands}
    return found


def test_every_command_is_in_the_table() -> None:
    table = PAGE.split("| Command | What it does |")[1].split("\n\n")[0]
    shown = {word for row in table.splitlines()[2:] for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    commands = {re.match(r"[a-z-]+(?: [a-z]+)?", each)[0] for each in shown}  # type: ignore[index]
    assert {re.sub(r"^database .*", "database", each) for each in commands} == names()


def test_every_command_has_a_help() -> None:
    assert all(command.help for command in COMMANDS)
