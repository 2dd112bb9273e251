"""Storage on the PostgreSQL that starts by itself when no other database is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..config import Config
from ..embedded import ClusterError, EmbeddedPostgres
from ..errors import StartupError, StorageReadOnly, StorageUnavailable
from .postgres import PostgresStorage


class EmbeddedStorage(PostgresStorage):
    """Storage over a PostgreSQL of our own, which runs from `open()` or `migrate()` until `close()`."""

    def __init__(self, config: Config, database: EmbeddedPostgres | None = None) -> None:
        """`database` is the one in `config.data_dir`, which may be starting already."""
        self._database = database or EmbeddedPostgres(Path(config.data_dir))
        super().__init__(config, self._database.url)

    def open(self) -> None:
        with _startup_errors():
            self._database.start()
        super().open()

    def migrate(self) -> str:
        with _startup_errors():
            self._database.start()
        return super().migrate()

    def direct_url(self) -> str:
        with _startup_errors():
            return self._database.start()

    def close(self) -> None:
        super().close()
        self._database.stop()

    def call_text(self, function: str, **args: Any) -> str:
        try:
            return super().call_text(function, **args)
        except StorageUnavailable as error:
            self._database.revive()  # for those who try again
            if self._database.disk_is_full() and not isinstance(error, StorageReadOnly):
                # PostgreSQL ends itself where it cannot write its log: all that it says is that it is starting.
                raise StorageReadOnly() from ClusterError(f"the disk is full that holds {self._database.data_dir}")
            raise


@contextmanager
def _startup_errors() -> Iterator[None]:
    """Raise `StartupError` for a cluster that cannot be started."""
    try:
        yield
    except ClusterError as error:
        raise StartupError(str(error)) from error
