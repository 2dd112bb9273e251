"""What a send costs does not depend on how many hear it."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.schema.test_cost import PLANS, cost

GROUPS = (3, 1000)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with a small and a big group, whose owner is the user `owner`."""
    with psycopg.connect(database_url, autocommit=True) as filling:
        filling.execute("insert into users (username) select 'member ' || n from generate_series(1, 1000) as n")
        for size in GROUPS:
            filling.execute(
                "with c as (insert into conversations (name, owner_user_id) "
                "select 'group of ' || %s, min(id::text)::uuid from users returning id) "
                "insert into user_conversation (conversation_id, user_id) "
                "select c.id, u.id from c, (select id from users order by id limit %s) as u",
                (size, size),
            )
        filling.execute("analyze")
    with psycopg.connect(database_url) as opened:
        yield opened
        opened.rollback()


def value(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("client_id", ["null", '"c-1"'])
def test_a_send_to_a_thousand_costs_what_one_to_three_does(
    connection: psycopg.Connection, plan: str, client_id: str
) -> None:
    owner = value(connection, "select min(id::text) from users")
    connection.execute(PLANS[plan])  # type: ignore[call-overload]
    answers, costs = [], []
    for size in GROUPS:
        id = value(connection, f"select id from conversations where name = 'group of {size}'")
        draft = f'{{"message": "hello", "client_id": {client_id}}}'
        call = f"chat_send_message('{owner}', null, '{id}', '{draft}')"
        costs.append(cost(connection, call))
        connection.execute("savepoint before")
        answers.append(value(connection, f"select public.{call}::text"))
        connection.execute("rollback to before")
    small, big = costs
    assert big.rows <= small.rows + 10  # a few that the measurement before left dead
    assert big.blocks <= small.blocks + 20
    assert abs(len(answers[1]) - len(answers[0])) < 10
    members = connection.execute("select id::text from users where id <> %s", (owner,)).fetchall()
    assert not any(id in answers[1] for (id,) in members)


@pytest.mark.parametrize("plan", PLANS)
def test_a_page_of_those_to_push_to_costs_what_is_on_it(connection: psycopg.Connection, plan: str) -> None:
    connection.execute("insert into chat_devices (token, user_id, service) select 'of ' || id, id, 'expo' from users")
    connection.execute(
        "insert into chat_devices (token, user_id, service) select 'other ' || n, gen_random_uuid(), 'expo' "
        "from generate_series(1, 5000) as n"
    )
    connection.execute(
        "insert into messages (conversation_id, user_id, message, seq, version) "
        "select id, owner_user_id, 'hello', 1, 2 from conversations where name = 'group of 1000'"
    )
    connection.execute("analyze")
    connection.execute(PLANS[plan])  # type: ignore[call-overload]
    id = value(connection, "select id from messages")
    asked = cost(connection, f"""chat_list_push_targets('{id}', '{{"services": ["expo"], "limit": 50}}')""")
    assert asked.rows <= 50 * 3 + 20
    assert asked.blocks <= 50 * 16
