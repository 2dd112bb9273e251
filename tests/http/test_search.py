"""Search of messages: what is found in which language, what is marked, and what nobody may find."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.test_tombstones import delete
from tests.support.answers import link, pages, problem
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


@pytest.fixture
def group(api: Api, ann: Json, bob: Json) -> Json:
    return api.conversation(ann, bob)


@pytest.fixture
def search(client: FlaskClient, bob: Json) -> Callable[..., list[Json]]:
    """A function that searches for Bob and returns the first page."""

    def ask(q: str, **more: Any) -> list[Json]:
        response = client.get("/messages/search", query_string={"user_id": bob["id"], "q": q, **more})
        assert response.status_code == 200, response.text
        found: list[Json] = response.json
        return found

    return ask


Search = Callable[..., list[Json]]

FOUND = [
    ("Is the kettle on?", "kettle", "Is the <mark>kettle</mark> on?"),
    ("Is the KETTLE on?", "on Kettle", "Is the <mark>KETTLE</mark> <mark>on</mark>?"),
    ("Is the kettle on?", "ket", "Is the <mark>kettle</mark> on?"),
    ("Ein schöner Übergang", "über", "Ein schöner <mark>Übergang</mark>"),
    ("Это наша Жизнь", "жизнь", "Это наша <mark>Жизнь</mark>"),
    ("שלום עולם", "שלום", "<mark>שלום</mark> עולם"),
    ("مرحبا بالعالم", "بالعالم", "مرحبا <mark>بالعالم</mark>"),
    ("東京タワーに行きました", "タワー", "東京<mark>タワー</mark>に行きました"),
    ("我们明天去北京吧", "北京", "我们明天去<mark>北京</mark>吧"),
    ("한국어를 배웁니다", "국어", "한<mark>국어</mark>를 배웁니다"),
    ("สวัสดีครับ", "ครับ", "สวัสดี<mark>ครับ</mark>"),
    ("so 😀 happy", "😀", "so <mark>😀</mark> happy"),
    ("see https://example.com/a-b/tea.html", "tea", "see https://example.com/a-b/<mark>tea</mark>.html"),
    ("ann@example.com", "example", "ann@<mark>example</mark>.com"),
    ('use List<String> & "a\' b"', "string", "use List&lt;<mark>String</mark>&gt; &amp; &quot;a&#39; b&quot;"),
    ("<script>alert(1)</script>", "alert", "&lt;script&gt;<mark>alert</mark>(1)&lt;/script&gt;"),
    ("fish &amp; chips, amp it", "amp", "fish &amp;<mark>amp</mark>; chips, <mark>amp</mark> it"),
    ("version 3.14", "3.14", "version <mark>3</mark>.<mark>14</mark>"),
    ("snake_case_name", "case name", "snake_<mark>case</mark>_<mark>name</mark>"),
    ("don't", "don't", "<mark>don</mark>&#39;<mark>t</mark>"),
    ("\x01mark\x02 it", "it", "mark <mark>it</mark>"),
]


@pytest.mark.parametrize(("text", "q", "highlight"), FOUND, ids=lambda value: f"{value!r:.20}")
def test_what_is_found_and_marked(
    api: Api, ann: Json, group: Json, search: Search, text: str, q: str, highlight: str
) -> None:
    sent = api.send(group, ann, text)
    api.send(group, ann, "another one")
    (found,) = search(q)
    assert found["highlight"] == highlight
    assert {**found, "highlight": 0} == {**api.messages(group)[0], "highlight": 0}
    assert found["id"] == sent["id"]


@pytest.mark.parametrize("q", ["kettles", "ettle", "kettle off", "北東", "' | !", "京北", "a:*", "<->", "%", "_", "\\"])
def test_what_is_not_found(api: Api, ann: Json, group: Json, search: Search, q: str) -> None:
    api.send(group, ann, "Is the kettle on? 北京 東京")
    assert search(q) == []


def test_an_excerpt_of_a_long_message_has_the_hit(api: Api, ann: Json, group: Json, search: Search) -> None:
    api.send(group, ann, "x " * 3000 + "needle" + " y" * 1000)
    (found,) = search("needle")
    text = found["highlight"]
    assert "<mark>needle</mark>" in text
    assert text.startswith("…")
    assert text.endswith("…")
    assert len(text) == 300 + len("……<mark></mark>")


def test_filters_and_pages(api: Api, client: FlaskClient, ann: Json, bob: Json, group: Json, search: Search) -> None:
    other = api.conversation(bob, ann)
    for number in range(4):
        api.send(group if number % 2 else other, ann if number < 2 else bob, f"tea {number}")
    assert [each["message"] for each in search("tea")] == ["tea 3", "tea 2", "tea 1", "tea 0"]
    assert [each["message"] for each in search("tea", conversation_id=group["id"])] == ["tea 3", "tea 1"]
    assert [each["message"] for each in search("tea", author_id=ann["id"])] == ["tea 1", "tea 0"]
    path = f"/messages/search?user_id={bob['id']}&q=tea&limit=3&author_id={bob['id']}"
    assert [[each["message"] for each in page] for page in pages(client, path, "next")] == [["tea 3", "tea 2"]]
    path = f"/messages/search?user_id={bob['id']}&q=tea&limit=3"
    assert [len(page) for page in pages(client, path, "next")] == [3, 1]
    first = client.get(path)
    assert "q=tea" in str(link(first, "next"))


def test_what_nobody_may_find(
    api: Api, client: FlaskClient, ann: Json, bob: Json, group: Json, search: Search, sql: Sql
) -> None:
    sent = [api.send(group, ann, f"secret {number}") for number in range(4)]
    eve = api.user("eve")
    path = f"/messages/search?user_id={eve['id']}&q=secret"
    assert client.get(path).json == []
    problem(client.get(f"{path}&conversation_id={group['id']}"), 404, "conversation_not_found")
    delete(sql, sent[3])
    sql("update messages set type = 'system' where id = %s", sent[2]["id"])
    sql("update user_conversation set history_from = 2 where user_id = %s", bob["id"])
    assert [each["message"] for each in search("secret")] == ["secret 1"]
    sql("delete from user_conversation where user_id = %s", bob["id"])
    assert search("secret") == []


def test_a_rare_word_is_found_among_many_messages_and_a_page_that_ends_early_leads_on(
    api: Api, client: FlaskClient, ann: Json, bob: Json, group: Json, search: Search, sql: Sql
) -> None:
    """By the index, by walking, and over several pages where the index would name too many."""
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version, created_at) "
        "select %s, %s, case when n %% 2500 = 1 then 'rare ' when n %% 3 = 1 then 'often ' else 'never ' end || n, "
        "n, n + 1, now() - make_interval(secs => 10000 - n) from generate_series(1, 10000) as n",
        group["id"],
        ann["id"],
    )
    sql(
        "update conversations set last_seq = 10000, version = 10001, last_activity_at = now() where id = %s",
        group["id"],
    )
    assert [each["seq"] for each in search("rare")] == [7501, 5001, 2501, 1]
    assert [each["seq"] for each in search("often", limit=2)] == [10000, 9997]
    # A sign is in no index; every third message, but one, holds a word with 9: only walking finds it.
    sql("update messages set message = message || ' 😀' where seq %% 4000 = 5")
    path = f"/messages/search?user_id={bob['id']}&q=😀&limit=10"
    found = list(pages(client, path, "next"))
    assert [each["seq"] for page in found for each in page] == [8005, 4005, 5]
    assert len(found) > 1
    # 3,333 messages have the word, those of before the walk are reached over pages.
    sql("update messages set message = 'gone ' || seq where seq > 4000")
    path = f"/messages/search?user_id={bob['id']}&q=often&limit=100"
    seqs = [each["seq"] for page in pages(client, path, "next") for each in page]
    assert seqs == sorted(
        (seq for (seq,) in sql("select seq from messages where message like 'often%%'")), reverse=True
    )
    assert len(seqs) == len(set(seqs)) > 1000


def test_messages_of_the_same_moment_are_all_found(
    client: FlaskClient, ann: Json, bob: Json, group: Json, sql: Sql
) -> None:
    """As a database has them that was filled by other means."""
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version, created_at) "
        "select %s, %s, 'same', n, n + 1, '2024-01-01' from generate_series(1, 5000) as n",
        group["id"],
        ann["id"],
    )
    path = f"/messages/search?user_id={bob['id']}&q=same&limit=100"
    ids = [each["id"] for page in pages(client, path, "next") for each in page]
    assert len(ids) == len(set(ids)) == 5000
