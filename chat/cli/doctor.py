"""`doctor`: whether all is well, and what to do where it is not."""

import json
import sys

import click
from flask import current_app

from ..config import Config
from .checks import check_all
from .output import lent_storage

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of {state, about, text}.")
def doctor(as_json: bool) -> None:
    """Check settings, database, schema, clock, Redis, limits and port; change nothing.

    Each line is ok, warn or fail, and says what to do. The exit code is 1 when a line fails.
    """
    config: Config = current_app.config["CHAT"]
    with lent_storage(opened=False) as storage:
        findings = []
        for finding in check_all(config, storage):
            findings.append(finding)
            if not as_json:
                state = click.style(finding.state.ljust(4), COLOURS[finding.state])
                click.echo(f"{state}  {finding.about.ljust(11)}  {finding.text}")
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2, ensure_ascii=False))
    sys.exit(any(finding.state == "fail" for finding in findings))
