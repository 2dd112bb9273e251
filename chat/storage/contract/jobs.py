"""Jobs."""

from typing import TypedDict

from .calls import Calls


class Job(TypedDict):
    """One job."""

    id: int


class Jobs(Calls):
    """Work for later."""
