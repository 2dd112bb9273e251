"""The rows of jobs, on both drivers: added, claimed, renewed, ended, recovered; the database's clock decides."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from chat.storage import Job, Storage

Sql = Callable[..., list[Any]]

MINUTE = 60.0
ONCE = {"idempotent": False, "attempts": 3, "every": None}
SAFE = {**ONCE, "idempotent": True}
HOURLY = {**SAFE, "every": 3600}
KINDS = {"once": ONCE, "safe": SAFE, "hourly": HOURLY}


def claim(storage: Storage, process: str = "here", limit: int = 10, running: tuple[int, ...] = ()) -> list[Job]:
    return storage.claim_jobs(KINDS, process, list(running), MINUTE, limit)["jobs"]


def claim_one(storage: Storage, process: str = "here") -> Job:
    (job,) = claim(storage, process)
    return job


def let_leases_end(sql: Sql) -> None:
    sql("update chat_jobs set claimed_until = now() - interval '1 second' where claimed_until is not null")


def let_all_be_due(sql: Sql) -> None:
    sql("update chat_jobs set run_at = now() where state = 'waiting'")


def state(sql: Sql, id: int | None) -> tuple[Any, ...] | None:
    """Return state and attempts of a job, None when it is gone."""
    rows = sql("select state, attempts from chat_jobs where id = %s", id)
    return rows[0] if rows else None


# added


def test_a_job_is_claimed_with_what_it_was_added_with_and_gone_when_it_is_done(storage: Storage, sql: Sql) -> None:
    payload = {"text": "quotes ' \" \\ and 👩‍👩‍👧", "list": [1, None, {"a": 1.5}]}
    id = storage.add_job("once", payload)
    job = claim_one(storage, "a process")
    assert job["id"] == id
    assert (job["kind"], job["payload"], job["state"]) == ("once", payload, "running")
    assert (job["attempts"], job["max_attempts"], job["claimed_by"]) == (1, 3, "a process")
    assert storage.finish_job(job["id"], job["claim"]) is True
    assert sql("select id from chat_jobs") == []


def test_the_oldest_due_jobs_come_first_and_no_more_than_asked_for(storage: Storage, sql: Sql) -> None:
    ids = [storage.add_job("once", {}) for _ in range(5)]
    sql("update chat_jobs set run_at = now() - id * interval '1 second'")
    assert [job["id"] for job in claim(storage, limit=2)] == ids[3:]
    assert [job["id"] for job in claim(storage, limit=9, running=(ids[3], ids[4]))] == ids[:3]  # type: ignore[arg-type]


def test_a_job_for_later_waits_and_says_for_how_long(storage: Storage, sql: Sql) -> None:
    (at,) = sql("select (now() + interval '1 hour')::text")[0]
    id = storage.add_job("once", {}, run_at=at)
    found = storage.claim_jobs(KINDS, "here", [], MINUTE, 10)
    assert found["jobs"] == []
    assert found["next_in"] is not None
    assert 3500 < found["next_in"] <= 3600
    let_all_be_due(sql)
    found = storage.claim_jobs(KINDS, "here", [], MINUTE, 10)
    assert [job["id"] for job in found["jobs"]] == [id]
    assert found["next_in"] is None


def test_a_key_is_there_once_until_its_job_is_done_or_dead(storage: Storage, sql: Sql) -> None:
    first = storage.add_job("once", {"n": 1}, "a key")
    assert first is not None
    assert storage.add_job("once", {"n": 2}, "a key") is None
    assert storage.add_job("once", {"n": 3}, "another key") is not None
    assert sql("select payload from chat_jobs where key = 'a key'") == [({"n": 1},)]
    sql("delete from chat_jobs where key = 'another key'")
    job = claim_one(storage)
    assert storage.add_job("once", {}, "a key") is None
    storage.finish_job(job["id"], job["claim"])
    second = storage.add_job("once", {}, "a key")
    sql("update chat_jobs set state = 'dead'")
    third = storage.add_job("once", {}, "a key")
    assert None not in (second, third)


def test_an_unknown_kind_waits_for_a_process_that_knows_it(storage: Storage, sql: Sql) -> None:
    id = storage.add_job("of a newer release", {})
    assert storage.claim_jobs(KINDS, "here", [], MINUTE, 10) == {"jobs": [], "next_in": None}
    assert state(sql, id) == ("waiting", 0)
    assert storage.claim_jobs({"of a newer release": ONCE}, "there", [], MINUTE, 10)["jobs"][0]["id"] == id


def test_a_job_is_added_in_the_transaction_of_a_change(storage: Storage, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("select public.chat_add_job('once', '{}', null, null)")
        assert claim(storage) == []
        connection.rollback()
        assert claim(storage) == []
        connection.execute("select public.chat_add_job('once', '{}', null, null)")
        connection.commit()
    assert claim_one(storage)["kind"] == "once"


# claimed


def test_what_another_claims_at_this_moment_is_skipped(storage: Storage, database_url: str) -> None:
    first, second = storage.add_job("once", {}), storage.add_job("once", {})
    with psycopg.connect(database_url) as connection:
        connection.execute("select id from chat_jobs where id = %s for update", (first,))
        assert [job["id"] for job in claim(storage)] == [second]


def test_a_claim_whose_answer_was_lost_is_handed_out_again_to_its_process_alone(storage: Storage, sql: Sql) -> None:
    id = storage.add_job("once", {})
    lost = claim_one(storage, "here")
    assert claim(storage, "there") == []
    again = claim_one(storage, "here")
    assert (again["id"], again["attempts"]) == (id, 1)
    assert claim(storage, "here", running=(again["id"],)) == []
    assert storage.finish_job(lost["id"], lost["claim"]) is False
    assert storage.finish_job(again["id"], again["claim"]) is True


def test_a_process_that_stops_gives_back_what_it_has_claimed_and_not_begun(storage: Storage, sql: Sql) -> None:
    begun, claimed = storage.add_job("once", {}), storage.add_job("once", {})
    assert begun is not None
    claim(storage)
    assert claim(storage, limit=0, running=(begun,)) == []
    assert (state(sql, begun), state(sql, claimed)) == (("running", 1), ("waiting", 0))


def test_a_lease_that_is_renewed_is_not_recovered(storage: Storage, sql: Sql) -> None:
    storage.add_job("once", {})
    job = claim_one(storage)
    let_leases_end(sql)
    assert storage.renew_jobs({str(job["id"]): job["claim"]}, MINUTE) == [job["id"]]
    assert storage.recover_jobs() == []
    assert storage.renew_jobs({str(job["id"]): job["claim"] + 1, "999": 1}, MINUTE) == []


# failed


def test_a_failing_job_waits_longer_each_time_and_is_dead_in_the_end(storage: Storage, sql: Sql) -> None:
    kinds = {"often": {"idempotent": False, "attempts": 16, "every": None}}
    storage.add_job("often", {})
    waits = []
    for number in range(1, 17):
        (job,) = storage.claim_jobs(kinds, "here", [], MINUTE, 1)["jobs"]
        assert job["attempts"] == number
        outcome = storage.fail_job(job["id"], job["claim"], f"error {number}")
        assert outcome == ("dead" if number == 16 else "waiting")
        if outcome == "waiting":
            # of one transaction each, `now()` is the moment of the failure
            waits.append(sql("select extract(epoch from run_at - clock_timestamp())::float8 from chat_jobs")[0][0])
            let_all_be_due(sql)
    assert all(later > earlier for earlier, later in pairwise(waits[:11]))
    assert all(0.75 * 2**number - 1 < wait <= 1.25 * 2**number for number, wait in enumerate(waits[:11], 1))
    assert all(0.75 * 3600 - 1 < wait <= 1.25 * 3600 for wait in waits[11:])
    assert len(set(waits[11:])) == 4  # not all at the same time
    assert sql("select state, last_error, claimed_by from chat_jobs") == [("dead", "error 16", None)]
    assert storage.claim_jobs(kinds, "here", [], MINUTE, 1)["jobs"] == []


def test_the_holder_of_an_earlier_claim_changes_nothing(storage: Storage, sql: Sql) -> None:
    id = storage.add_job("safe", {})
    old = claim_one(storage, "there")
    let_leases_end(sql)
    storage.recover_jobs()
    new = claim_one(storage, "there")  # the same process even
    before = sql("select to_jsonb(j) from chat_jobs as j")
    assert storage.finish_job(old["id"], old["claim"]) is False
    assert storage.fail_job(old["id"], old["claim"], "too late") is None
    assert storage.renew_jobs({str(id): old["claim"]}, MINUTE) == []
    assert sql("select to_jsonb(j) from chat_jobs as j") == before
    assert storage.finish_job(new["id"], new["claim"]) is True
    assert storage.fail_job(new["id"], new["claim"], "gone") is None


# a process that has gone


def test_only_an_idempotent_job_runs_again_when_its_process_has_gone(storage: Storage, sql: Sql) -> None:
    once, safe = storage.add_job("once", {}), storage.add_job("safe", {})
    claim(storage, "lost/1")
    assert storage.recover_jobs() == []
    let_leases_end(sql)
    assert [(job["id"], job["state"]) for job in storage.recover_jobs()] == [(once, "dead"), (safe, "waiting")]
    assert storage.recover_jobs() == []
    assert [(job["id"], job["attempts"]) for job in claim(storage)] == [(safe, 2)]
    ((error,),) = sql("select last_error from chat_jobs where id = %s", once)
    assert error.startswith("The process lost/1 ended or lost the database while it ran this job")


def test_an_idempotent_job_that_takes_its_process_along_each_time_is_dead_in_the_end(
    storage: Storage, sql: Sql
) -> None:
    id = storage.add_job("safe", {})
    for _ in range(3):
        claim_one(storage)
        let_leases_end(sql)
        storage.recover_jobs()
    assert state(sql, id) == ("dead", 3)


def test_a_process_that_stops_gives_back_what_it_runs(storage: Storage, sql: Sql) -> None:
    once, safe, other = (storage.add_job(kind, {}) for kind in ("once", "safe", "once"))
    assert len(claim(storage, "here", limit=2)) == 2
    claim_one(storage, "there")
    storage.report_process_job("clean", "here", "broken", MINUTE)
    storage.report_process_job("clean", "there", "broken", MINUTE)
    assert [(job["id"], job["state"]) for job in storage.release_jobs("here")] == [(once, "dead"), (safe, "waiting")]
    assert state(sql, safe) == ("waiting", 0)  # to be stopped is no failure
    assert state(sql, other) == ("running", 1)
    assert sql("select claimed_by from chat_jobs where state = 'failing'") == [("there",)]


# jobs that recur


def test_a_job_that_recurs_waits_for_its_next_time_whatever_comes(storage: Storage, sql: Sql) -> None:
    id = storage.add_job("hourly", {}, "hourly")
    in_an_hour = "select run_at between now() + '59 minutes' and now() + '1 hour', attempts, last_error from chat_jobs"
    job = claim_one(storage)
    assert storage.finish_job(job["id"], job["claim"]) is True
    assert sql(in_an_hour) == [(True, 0, None)]
    for _ in range(3):
        let_all_be_due(sql)
        job = claim_one(storage)
        assert job["id"] == id
        assert storage.fail_job(job["id"], job["claim"], "away") == "waiting"
    assert sql(in_an_hour) == [(True, 0, "away")]  # its attempts are used up; no dead job holds its place
    let_all_be_due(sql)
    job = claim_one(storage)
    storage.finish_job(job["id"], job["claim"])
    assert sql(in_an_hour) == [(True, 0, None)]
    assert storage.add_job("hourly", {}, "hourly") is None


# for people


def test_the_list_shows_what_people_want_to_see(storage: Storage, sql: Sql) -> None:
    assert storage.list_jobs(10) == {"waiting": 0, "jobs": []}
    for kind in ("once", "once", "safe", "unknown"):
        storage.add_job(kind, {})
    dead, _, failed = claim(storage)
    sql("update chat_jobs set attempts = 3 where id = %s", dead["id"])
    storage.fail_job(dead["id"], dead["claim"], "the last error")
    storage.fail_job(failed["id"], failed["claim"], "the first error")
    storage.report_process_job("clean", "here", "broken", MINUTE)
    storage.report_process_job("clean", "gone", "broken", -1)
    found = storage.list_jobs(10)
    assert found["waiting"] == 2
    assert [(job["state"], job["kind"], job["last_error"]) for job in found["jobs"]] == [
        ("dead", "once", "the last error"),
        ("failing", "clean", "broken"),
        ("waiting", "safe", "the first error"),
        ("running", "once", None),
    ]
    sql("update chat_jobs set run_at = now() - interval '2 minutes' where kind = 'unknown'")
    overdue = [job for job in storage.list_jobs(10)["jobs"] if job["kind"] == "unknown"]
    assert [job["state"] for job in overdue] == ["waiting"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", overdue[0]["run_at"])
    assert len(storage.list_jobs(2)["jobs"]) == 2


def test_a_process_job_is_one_row_while_it_fails(storage: Storage, sql: Sql) -> None:
    for error in ("first", "second"):
        storage.report_process_job("clean", "here", error, MINUTE)
    storage.report_process_job("clean", "there", "other", MINUTE)
    rows = sql("select claimed_by, attempts, last_error, run_at = created_at from chat_jobs order by id")
    assert rows == [("here", 2, "second", True), ("there", 1, "other", True)]
    storage.report_process_job("clean", "here", None, MINUTE)
    storage.report_process_job("clean", "nowhere", None, MINUTE)
    assert sql("select claimed_by from chat_jobs") == [("there",)]
    assert claim(storage) == storage.recover_jobs() == []


def test_a_dead_job_is_retried_with_all_its_attempts(storage: Storage, sql: Sql) -> None:
    id = storage.add_job("once", {})
    assert id is not None
    sql("update chat_jobs set state = 'dead', attempts = 3, last_error = 'no'")
    retried = storage.retry_job(id)
    assert retried is not None
    assert (retried["state"], retried["attempts"]) == ("waiting", 0)
    assert claim_one(storage)["attempts"] == 1
    running = storage.retry_job(id)
    assert running is not None
    assert (running["state"], running["attempts"]) == ("running", 1)
    assert storage.retry_job(id + 1) is None


def test_a_dead_job_whose_key_is_taken_stays_dead(storage: Storage, sql: Sql) -> None:
    first, second = (storage.add_job("once", {}, key) for key in ("a", "b"))
    sql("update chat_jobs set state = 'dead'")
    third = storage.add_job("once", {}, "a")
    assert [(job["id"], job["state"]) for job in storage.retry_dead_jobs()] == [(first, "dead"), (second, "waiting")]
    assert state(sql, third) == ("waiting", 0)


def test_a_job_is_dropped_unless_it_runs(storage: Storage, sql: Sql) -> None:
    waiting, running = storage.add_job("once", {}), storage.add_job("safe", {})
    assert waiting is not None
    assert running is not None
    sql("update chat_jobs set run_at = now() + interval '1 hour' where id = %s", waiting)
    claim_one(storage)
    for id, was in ((waiting, "waiting"), (running, "running")):
        job = storage.drop_job(id)
        assert job is not None
        assert job["state"] == was
    assert storage.drop_job(waiting) is None
    assert state(sql, running) == ("running", 1)


def test_only_what_died_long_ago_is_deleted(storage: Storage, sql: Sql) -> None:
    for kind in ("long ago", "lately", "waits"):
        storage.add_job(kind, {})
    sql("update chat_jobs set run_at = now() - interval '31 days' where kind <> 'lately'")
    sql("update chat_jobs set state = 'dead' where kind <> 'waits'")
    storage.report_process_job("clean", "gone", "broken", -1)
    storage.report_process_job("clean", "here", "broken", MINUTE)
    assert storage.delete_old_jobs(30 * 24 * 3600) == 2
    assert sql("select kind from chat_jobs order by kind") == [("clean",), ("lately",), ("waits",)]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_jobs_are_closed_to_the_holders_of_the_public_key(sql: Sql, role: str) -> None:
    functions = sql(
        "select oid::regprocedure::text, has_function_privilege(%s, oid, 'execute') from pg_proc "
        "where pronamespace = 'public'::regnamespace and proname ~ '^chat_.*job'",
        role,
    )
    assert len(functions) > 10
    assert [name for name, is_open in functions if is_open] == []
    for right in ("select", "insert", "update", "delete"):
        assert sql("select has_table_privilege(%s, 'public.chat_jobs', %s)", role, right) == [(False,)]
