"""Log lines: text for people, one JSON object a line for machines."""

import json
import logging
import sys
from datetime import UTC, datetime

from .config import Config


class JsonFormatter(logging.Formatter):
    """Writes `{time, level, logger, message, traceback?}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def init(config: Config) -> None:
    """Send the log to stderr in the form that the settings ask for; libraries speak up from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter() if config.log_format == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("chat").setLevel(config.log_level.upper())
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # each failed try; the request that got no answer is told
    for name in ("engineio.server", "socketio.server"):
        logging.getLogger(name).setLevel(logging.ERROR)  # without a level they bring a second handler along
        logging.getLogger(name).addFilter(_has_traceback)


def _has_traceback(record: logging.LogRecord) -> bool:
    """Whether an error of the Socket.IO libraries is one of the server; they call a client's mistakes errors too."""
    return record.exc_info is not None
