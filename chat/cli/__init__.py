"""The commands of `flask --app wsgi ...`, and of `chat ...` where a wheel is installed: one file for each noun."""

from flask import Flask

from .database import database
from .jobs import jobs
from .migrate import migrate

COMMANDS = (migrate, jobs, database)


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    for each in COMMANDS:
        app.cli.add_command(each)
