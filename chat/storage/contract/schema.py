"""The schema itself."""

from typing import TypedDict

from .calls import Calls, sql


class DeployedSchema(TypedDict):
    """What a database says of its schema; `oldest_code` is the oldest version of code that it serves."""

    version: int
    functions_hash: str | None
    oldest_code: int | None


class Schema(Calls):
    """The schema itself."""

    @sql
    def get_schema(self) -> DeployedSchema:
        """Return the version of the schema in the database, and the hash of its functions."""
