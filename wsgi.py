"""The server's entry: `python wsgi.py` serves, `flask --app wsgi ...` finds the app here."""

import sys

from chat import patch  # before any other import

if __name__ == "__main__":
    patch.end_at_interrupt()
if "flask" not in sys.modules:  # the `flask` command has imported Flask by now, and what it runs needs no green threads
    patch.patch()

import click
from dotenv import find_dotenv, load_dotenv

load_dotenv(find_dotenv(usecwd=True))  # like Flask's own command line: the .env of the working directory or above it

if __name__ == "__main__":
    from chat.server.run import run

    sys.exit(run())

command = click.get_current_context(silent=True)
if command and command.info_name == "run":
    sys.exit("chat: `flask run` has no WebSockets and opens no database; start the server with `python wsgi.py`.")

from chat.app import create_app
from chat.errors import StartupError

try:
    app = create_app()
except StartupError as error:
    sys.exit(f"chat: {error}")
