"""What the races share: the storage through either driver, and somebody else who holds a lock."""

from collections.abc import Iterator

import psycopg
import pytest

from chat.config import Config
from chat.storage import Storage
from chat.storage.postgres import PostgresStorage
from chat.storage.supabase import SupabaseStorage
from tests.support.proofs import DRIVERS

#: A connection for each of those who act at once.
CONNECTIONS = 12


@pytest.fixture(params=DRIVERS)
def direct(request: pytest.FixtureRequest, database_url: str) -> Iterator[Storage]:
    """The storage, through each of the two drivers, with a connection for each of those who act at once."""
    if request.param == "postgres":
        opened: Storage = PostgresStorage(Config(storage_pool_size=CONNECTIONS), database_url)
    else:
        api = request.getfixturevalue("postgrest")
        names = {"supabase_project_url": api.url, "supabase_service_role_key": api.service_role_key}
        opened = SupabaseStorage(Config(storage_pool_size=CONNECTIONS, **names))
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection of somebody else, whose transaction ends when the test says so."""
    with psycopg.connect(database_url) as connection:
        yield connection
