"""eventlet's patches, which come before any other import: what is imported earlier keeps blocking sockets and locks.

eventlet is what this project was asked to run on, and it works: chat/server/ has a loop of its own inside eventlet's.
Its authors advise against it for new projects and say so at every import. To leave it, change `async_mode` in
chat/app.py, write chat/green.py for another loop, and drop this file.
"""

import os
import signal
import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
# The system looks up names better than dnspython, which takes 20 MB and a tenth of a second: `chat.green`.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
# psycopg's own choice of wait function is written in C and does not see eventlet's patch: every query would stop the
# whole server. `wait_select` is green under eventlet. Read when psycopg is imported, by whichever module comes first.
os.environ.setdefault("PSYCOPG_WAIT_FUNC", "wait_select")


def patch() -> None:
    """Make the standard library's sockets and locks green."""
    import eventlet

    eventlet.monkey_patch()


def end_at_interrupt() -> None:
    """Let Ctrl-C end the process without a traceback, until the server listens to it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
