"""The commands of `flask --app wsgi ...`, and of `chat ...` where a wheel is installed: one file for each noun."""

from flask import Flask

from .bulk import export, import_
from .conversations import conversations
from .database import database
from .demo import seed_demo
from .doctor import doctor
from .jobs import jobs
from .migrate import migrate
from .users import token, users
from .webhooks import webhooks

COMMANDS = (conversations, database, doctor, export, import_, jobs, migrate, seed_demo, token, users, webhooks)

#: What asks for help, subcommands included.
HELP = ["-h", "--help"]


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    for each in COMMANDS:
        each.context_settings["help_option_names"] = HELP
        app.cli.add_command(each)
