"""Requests to push services and to the webhook. urllib3 is imported with the first: few servers make any."""

from functools import cache
from typing import Any, NamedTuple

import orjson

from .outcomes import PushFailed

#: Seconds that a service has to answer.
TIMEOUT = 10
#: Connections kept to each service, and requests to it at once.
CONNECTIONS = 8
#: Bytes that are read of an answer.
LONGEST_ANSWER = 1 << 20


class Answer(NamedTuple):
    """The status of an answer, and its body as it came."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return what JSON the body is, `{}` for none."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Make one request. Raises `PushFailed` when there is no answer."""
    pool, error = _pool()
    try:
        answer = pool.request(
            "POST",
            url,
            body=body,
            headers=headers,
            timeout=TIMEOUT,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        content = answer.read(LONGEST_ANSWER)
        answer.close() if answer.read(1) else answer.release_conn()
    except (error, OSError) as failure:
        raise PushFailed(f"{type(failure).__name__}: {failure}") from None
    return Answer(answer.status, content)


def post_json(url: str, content: Any, headers: dict[str, str]) -> Answer:
    """Post JSON. Raises `PushFailed` when there is no answer."""
    return post(url, orjson.dumps(content), {"content-type": "application/json", **headers})


@cache
def _pool() -> Any:
    import urllib3

    return urllib3.PoolManager(maxsize=CONNECTIONS), urllib3.exceptions.HTTPError
