"""Users: sign up, search."""

from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.support.answers import problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def found(api: Api, caller: dict[str, str], q: str) -> list[str]:
    users = api.request("GET", "/users/search?" + urlencode({"user_id": caller["id"], "q": q}))
    return [user["username"] for user in users]


def test_a_new_user_has_a_lower_case_uuid_and_the_name_without_white_space_around_it(api: Api) -> None:
    user = api.user(" \t ann lee\n")
    assert user["username"] == "ann lee"
    assert user["id"] == user["id"].lower()
    assert len(user["id"]) == 36


def test_a_name_may_have_255_characters_of_any_script(api: Api) -> None:
    for name in ("n" * 255, "😀" * 255, "א" * 255, " " + "n" * 255 + " "):
        assert api.user(name)["username"] == name.strip()


def test_two_users_may_share_a_name(api: Api) -> None:
    first, second = api.users("ann", "ann")
    assert first["id"] != second["id"]


MATCHES = [
    ("Annabel", "nab"),
    ("annabel", "ANNA"),
    ("ANNABEL", "bel"),
    ("Ärzte", "äRZ"),
    ("ÉLODIE", "élo"),
    ("Елена", "еЛЕ"),
    ("Ωμέγα", "ωΜΈ"),
    ("דנה", "נ"),
    ("smile 😀", "😀"),
    ("100% sure", "0% s"),
    ("snake_case", "e_c"),
    ("back\\slash", "k\\s"),
    ("quote'd", "e'd"),
    ("two words", "o w"),
]


def test_search_matches_anywhere_in_the_name_whatever_the_case(api: Api, subtests: pytest.Subtests) -> None:
    caller = api.user("caller")
    for name in dict.fromkeys(name for name, _ in MATCHES):
        api.user(name)
    for name, q in MATCHES:
        with subtests.test(name=name, q=q):
            assert name in found(api, caller, q)
            assert all(q.casefold() in each.casefold() for each in found(api, caller, q))


def test_search_takes_no_character_for_a_pattern(api: Api, subtests: pytest.Subtests) -> None:
    caller = api.user("caller")
    api.users("ann", "axn")
    for q in ("%", "_", "\\", "%a%", "a_n", "\\%", "[a-z]", ".*", "ann\\", "^ann", "a|b", "'", "\\_"):
        with subtests.test(q=q):
            assert found(api, caller, q) == []


def test_search_never_finds_the_caller(api: Api) -> None:
    ann, _ = api.users("ann", "anna")
    assert found(api, ann, "ann") == ["anna"]
    assert found(api, ann, "") == ["anna"]


def test_search_without_a_text_finds_everyone_else_by_name(api: Api) -> None:
    caller, *_ = api.users("caller", "c", "a", "b")
    everyone = api.request("GET", f"/users/search?user_id={caller['id']}")
    assert [user["username"] for user in everyone] == ["a", "b", "c"]
    assert [user["username"] for user in everyone] == found(api, caller, "")


def test_search_finds_at_most_50(api: Api) -> None:
    caller = api.user("caller")
    api.users(*(f"user {number:02}" for number in range(52)))
    assert found(api, caller, "") == found(api, caller, "user") == [f"user {number:02}" for number in range(50)]


def test_search_for_a_text_longer_than_any_name_finds_nobody(api: Api) -> None:
    caller, _ = api.users("caller", "n" * 255)
    assert found(api, caller, "n" * 256) == []


def test_search_by_nobody_is_refused(client: FlaskClient) -> None:
    assert "user_id" in problem(client.get("/users/search"), 422, "validation_failed")["errors"]
    problem(client.get(f"/users/search?user_id={UNKNOWN}"), 404, "user_not_found")
