"""`migrate`: the schema."""

import click

from .output import lent_storage


@click.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    with lent_storage(opened=False) as storage:
        click.echo(storage.migrate())
