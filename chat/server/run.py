"""A whole run of the server, from the environment's settings to the exit code."""

import sys

from ..errors import StartupError
from .start import Start


def run() -> int:
    """Serve until a signal comes and return the exit code: 1 when the server could not be started."""
    start = None
    try:
        start = Start()
        from ..app import create_app  # takes a while, in which the embedded database gets ready

        app = create_app(start.config, start.new_storage())
    except StartupError as error:
        if start:
            start.close()
        print(f"chat: {error}", file=sys.stderr)
        return 1

    from .serve import serve

    return serve(app, start)
