"""The stand-in for PostgREST answers as a real one was seen to answer."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from tests.support.postgrest import PostgrestStandIn

ID = "7f3c1d1e-3f7f-4a52-9d52-7b54ad8d3a10"

SCRATCH = """
    create table rooms (id uuid primary key, name text unique);
    create table notes (id int, room_id uuid references rooms);
    create table closed (id int);
    create function as_it_is(p_value json) returns json language sql as 'select p_value';
    create function nothing() returns void language sql as '';
    create function numbers() returns setof int language sql as 'select generate_series(1, 3)';
    create function hello(p_name text default 'you') returns text language sql as 'select ''hello '' || p_name';
    create function who() returns json language sql stable as $$
        select json_build_object('role', current_user, 'sub', current_setting('request.jwt.claims')::json -> 'sub') $$;
    create function typed(p_ids uuid[], p_names text[], p_json json, p_data jsonb, p_at timestamptz) returns json
        language sql as 'select json_build_array(p_ids, p_names, p_json, p_data, extract(epoch from p_at))';
    create function add_room(p_id uuid, p_name text) returns json
        language sql as 'insert into rooms values (p_id, p_name) returning to_json(rooms)';
    create function add_note(p_room_id uuid) returns json
        language sql as 'insert into notes values (1, p_room_id) returning to_json(notes)';
    create function fail(p_code text, p_message text, p_detail text default null) returns json language plpgsql as $$
        begin
            if p_detail is null then raise exception using errcode = p_code, message = p_message; end if;
            raise exception using errcode = p_code, message = p_message, detail = p_detail;
        end $$;
    create function secret() returns json language sql as 'select to_json(1)';
    revoke all on function secret() from public, anon, authenticated;
    revoke all on closed from anon, authenticated;
"""

Call = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """The URL of a database without the product's schema."""
    return make_database("template1")


@pytest.fixture
def call(postgrest: PostgrestStandIn, sql: Callable[..., Any]) -> Iterator[Call]:
    """A function that sends one request to a database with SCRATCH, by default with the service_role key."""
    sql(SCRATCH)
    http = urllib3.PoolManager(maxsize=16, retries=False)

    def call(path: str, body: Any = None, method: str = "POST", **headers: str) -> urllib3.BaseHTTPResponse:
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        keys = {"apikey": postgrest.service_role_key, "authorization": f"Bearer {postgrest.service_role_key}"}
        return http.request(method, f"{postgrest.url}/rest/v1/{path}", body=content, headers=keys | headers)

    yield call
    http.clear()


def as_anon(postgrest: PostgrestStandIn) -> dict[str, str]:
    return {"apikey": postgrest.anon_key, "authorization": f"Bearer {postgrest.anon_key}"}


def as_user(postgrest: PostgrestStandIn, user_id: str = ID) -> dict[str, str]:
    return {"apikey": postgrest.anon_key, "authorization": f"Bearer {postgrest.authenticated_token(user_id)}"}


def test_json_comes_as_postgresql_wrote_it(call: Call) -> None:
    answer = call("rpc/as_it_is", b'{"p_value": {"b":  1.10, "a" : "\xc3\xa9"}}')
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.data.decode() == '{"b":  1.10, "a" : "é"}'


@pytest.mark.parametrize(
    ("function", "arguments", "status", "body"),
    [
        ("as_it_is", {"p_value": None}, 200, b"null"),
        ("nothing", {}, 204, b""),
        ("hello", {}, 200, b'"hello you"'),
        ("hello", {"p_name": "ann"}, 200, b'"hello ann"'),
        ("numbers", {}, 200, b"[1, 2, 3]"),
        ("who", {}, 200, b'{"role" : "service_role", "sub" : null}'),
        (
            "typed",
            {
                "p_ids": [ID],
                "p_names": ["a,b", '"}'],
                "p_json": [1],
                "p_data": {"x": 1},
                "p_at": "1970-01-01T00:00:01Z",
            },
            200,
            f'[["{ID}"], ["a,b","\\"}}"], [1], {{"x": 1}}, 1.000000]'.encode(),
        ),
    ],
)
def test_results(call: Call, function: str, arguments: dict[str, Any], status: int, body: bytes) -> None:
    answer = call(f"rpc/{function}", arguments)
    assert (answer.status, answer.data) == (status, body)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("PT404", 404, "conversation_not_found"),
        ("PT403", 403, "conversation_not_found"),
        ("P0001", 400, "Bad Request"),
        ("53300", 503, "Service Unavailable"),
        ("57014", 500, "Internal Server Error"),
        ("40001", 500, "Internal Server Error"),
        ("22012", 400, "Bad Request"),
    ],
)
def test_raised_errors(call: Call, code: str, status: int, reason: str) -> None:
    answer = call("rpc/fail", {"p_code": code, "p_message": "conversation_not_found", "p_detail": "d"})
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.json() == {"code": code, "details": "d", "hint": None, "message": "conversation_not_found"}


def test_a_missing_detail_is_null(call: Call) -> None:
    answer = call("rpc/fail", {"p_code": "PT403", "p_message": "not_allowed"})
    assert answer.data == b'{"code":"PT403","details":null,"hint":null,"message":"not_allowed"}'


def test_constraints_are_409(call: Call) -> None:
    unknown = call("rpc/add_note", {"p_room_id": ID})
    assert (unknown.status, unknown.json()["code"]) == (409, "23503")
    assert unknown.json()["details"] == f'Key (room_id)=({ID}) is not present in table "rooms".'
    assert call("rpc/add_room", {"p_id": ID, "p_name": "a"}).status == 200
    twice = call("rpc/add_room", {"p_id": str(uuid4()), "p_name": "a"})
    assert (twice.status, twice.json()["code"]) == (409, "23505")


def test_an_argument_that_does_not_parse(call: Call) -> None:
    answer = call("rpc/add_room", {"p_id": "nope", "p_name": "a"})
    assert (answer.status, answer.json()["code"]) == (400, "22P02")
    assert answer.json()["message"] == 'invalid input syntax for type uuid: "nope"'


@pytest.mark.parametrize(
    ("function", "arguments", "called"),
    [
        ("unknown", {}, " without parameters"),
        ("add_room", {"p_id": ID}, "(p_id)"),
        ("hello", {"p_nick": "a"}, "(p_nick)"),
        ("add_room", {"p_name": "a", "p_id": ID, "p_more": 1}, "(p_id, p_more, p_name)"),
    ],
)
def test_functions_that_are_not_there(call: Call, function: str, arguments: dict[str, Any], called: str) -> None:
    answer = call(f"rpc/{function}", arguments)
    assert (answer.status, answer.json()["code"]) == (404, "PGRST202")
    assert answer.json()["message"] == f"Could not find the function public.{function}{called} in the schema cache"
    assert answer.json()["details"].startswith(f"Searched for the function public.{function} with")


@pytest.mark.parametrize("body", [b"{", b"nope", b"[1]", b"\xff"])
def test_bodies_that_are_no_json(call: Call, body: bytes) -> None:
    answer = call("rpc/hello", body)
    assert (answer.status, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] == "Empty or invalid json"


def test_no_right_to_execute(call: Call, postgrest: PostgrestStandIn) -> None:
    for headers, status in ((as_anon(postgrest), 401), (as_user(postgrest), 403)):
        answer = call("rpc/secret", **headers)
        assert (answer.status, answer.json()["code"]) == (status, "42501")
        assert answer.json()["message"] == "permission denied for function secret"


def test_keys(call: Call, postgrest: PostgrestStandIn) -> None:
    assert call("rpc/who", **as_anon(postgrest)).json() == {"role": "anon", "sub": None}
    assert call("rpc/who", **as_user(postgrest)).json() == {"role": "authenticated", "sub": ID}
    for headers in ({"authorization": "Bearer nope"}, {"apikey": postgrest.anon_key + "x"}):
        refused = call("rpc/who", **headers)
        assert (refused.status, refused.json()["code"]) == (401, "PGRST301")
    expired = call("rpc/who", authorization=f"Bearer {postgrest.authenticated_token(ID, seconds=-1)}")
    assert (expired.status, expired.json()["code"]) == (401, "PGRST303")
    assert call("rpc/who", apikey="").status == 401


def test_a_failing_call_leaves_nothing_and_the_connection_serves_on(call: Call) -> None:
    assert call("rpc/add_room", {"p_id": ID, "p_name": "a"}).status == 200
    assert call("rpc/add_room", {"p_id": ID, "p_name": "b"}).status == 409
    assert call("rooms", method="GET").json() == [{"id": ID, "name": "a"}]


def test_tables_obey_the_role(call: Call, postgrest: PostgrestStandIn) -> None:
    assert call("notes", {"id": 1}).status == 201
    assert call("notes?id=eq.1", {"id": 2}, method="PATCH").status == 204
    assert call("notes?id=eq.2&select=id", method="GET").json() == [{"id": 2, "room_id": None}]
    assert call("notes?id=eq.2", method="DELETE").status == 204
    assert call("notes", method="GET", **as_anon(postgrest)).json() == []
    for headers, status in ((as_anon(postgrest), 401), (as_user(postgrest), 403)):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            answer = call("closed", {"id": 1}, method=method, **headers)
            assert (answer.status, answer.json()["code"]) == (status, "42501")


def test_many_callers_at_once(call: Call) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: call("rpc/as_it_is", {"p_value": n}).json(), range(200)))
    assert answers == list(range(200))
