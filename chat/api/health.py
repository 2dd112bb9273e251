"""For operators: is the process alive, does the database answer."""

import time
from threading import Lock

from flask import Response, current_app

from ..policy import budget, public, raises
from ..schemas.health import HealthSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("health", __name__, description="Check the server's health.")

#: Seconds for which an answer of the database holds, a failure too.
INTERVAL = 1.0


class Readiness:
    """Whether the database answers. It is asked at most once every INTERVAL: anyone may call `/ready`, at any rate."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked_at = float("-inf")
        self._failure: Exception | None = None

    def check(self) -> None:
        """Raise what the last question to the database raised. Who comes while it is asked waits for the answer."""
        with self._lock:
            if time.monotonic() - self._asked_at >= INTERVAL:
                self._failure = None
                try:
                    storage.check_ready()
                except Exception as error:
                    self._failure = error
                self._asked_at = time.monotonic()
            failure = self._failure
        if failure:
            raise failure.with_traceback(None)  # each raise would add to the traceback


@blueprint.get("/health")
@blueprint.response(200, HealthSchema)
@public()
@budget(None)
def alive() -> Response:
    """Check that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@blueprint.response(200, HealthSchema)
@raises("storage_unavailable")
@public()
@budget(None)
def ready() -> Response:
    """Check that the database answers and takes writes, or did less than a second ago; 503 when it does not."""
    readiness: Readiness = current_app.extensions["readiness"]
    readiness.check()
    return answer({"status": "ok"})
