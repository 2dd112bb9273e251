"""The server's entry: `python wsgi.py` serves, `flask --app wsgi ...` finds the app here."""

import os
import signal
import sys
import warnings

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server listens to it, Ctrl-C needs no traceback

# eventlet is what this project was asked to run on, and it works: chat/server/ has a loop of its own inside eventlet's.
# Its authors advise against it for new projects and say so at every import. To leave it, change `async_mode` in
# chat/app.py, write chat/server/green.py for another loop, and drop the next lines.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
# The system looks up names better than dnspython, which takes 20 MB and a tenth of a second: `chat.server.green`.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import eventlet

# Before any other import: what is imported earlier keeps its blocking sockets and locks. The `flask` command has
# imported Flask by now, and what it runs needs no green threads.
if "flask" not in sys.modules:
    eventlet.monkey_patch()

import click
from dotenv import find_dotenv, load_dotenv

load_dotenv(find_dotenv(usecwd=True))  # like Flask's own command line: the .env of the working directory or above it

from chat.errors import StartupError

command = click.get_current_context(silent=True)
if command and command.info_name == "run":
    sys.exit("chat: `flask run` has no WebSockets and opens no database; start the server with `python wsgi.py`.")

start = None
try:
    if __name__ == "__main__":
        from chat.server.start import Start

        start = Start()

    from chat.app import create_app

    app = create_app(start.config, start.new_storage()) if start else create_app()
except StartupError as error:
    if start:
        start.close()
    sys.exit(f"chat: {error}")

if start:
    from chat.server.serve import serve

    sys.exit(serve(app, start))
