"""The commands of `flask --app wsgi ...`."""

import sys

import click
from flask import Flask, current_app

from .errors import StartupError
from .storage import Storage


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    app.cli.add_command(migrate)


@click.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    storage: Storage = current_app.extensions["storage"]
    try:
        click.echo(storage.migrate())
    except StartupError as error:
        click.echo(f"chat: {error}", err=True)
        sys.exit(1)
    finally:
        storage.close()
