"""`chat`, or `python -m chat`: serves, or runs a command. It is what an installed wheel starts."""

from . import patch  # before any other import

patch.end_at_interrupt()
patch.patch()

import sys

import click
from dotenv import find_dotenv, load_dotenv

from . import __version__


def main() -> None:
    """Serve, or run the command that the command line names."""
    load_dotenv(find_dotenv(usecwd=True))
    if len(sys.argv) == 1:  # the port and the database come first, the commands' imports never
        sys.exit(_run())
    from .cli import COMMANDS

    for each in COMMANDS:
        program.add_command(each)
    program(prog_name="chat")


@click.group(
    help="A chat backend. Without a command it serves.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="chat")
@click.pass_context
def program(context: click.Context) -> None:
    if context.invoked_subcommand == "serve":
        return
    from .app import create_app
    from .errors import StartupError

    try:
        context.with_resource(create_app().app_context())
    except StartupError as error:
        sys.exit(f"chat: {error}")


@program.command
def serve() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    sys.exit(_run())


def _run() -> int:
    from .server.run import run

    return run()


if __name__ == "__main__":
    main()
