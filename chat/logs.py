"""Log lines: text for people, one JSON object a line for machines."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from .config import Config

#: Control characters, and what some viewers take for a line break. A client may have sent them.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """Writes one line a message; the lines of a traceback are indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(f"  {_printable(line)}" for line in super().formatException(ei).split("\n"))


class JsonFormatter(logging.Formatter):
    """Writes `{time, level, logger, message, traceback?}`, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line).replace("\x7f", "\\u007f")


def init(config: Config) -> None:
    """Write the log to stderr in the form of LOG_FORMAT; of libraries, warnings and errors only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.log_format == "json" else TextFormatter())
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("chat").setLevel(config.log_level.upper())
    # The pool warns of every failed try; the request that got no answer is logged anyway.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    for name in ("engineio.server", "socketio.server"):
        logging.getLogger(name).setLevel(logging.ERROR)  # without a level they bring a second handler along
        logging.getLogger(name).addFilter(_has_traceback)


def _has_traceback(record: logging.LogRecord) -> bool:
    """Whether an error of the Socket.IO libraries is the server's; they log a client's mistakes as errors too."""
    return record.exc_info is not None


def _printable(text: str) -> str:
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
