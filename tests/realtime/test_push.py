"""From a send to a browser that is closed, through the real server."""

from collections.abc import Callable

import psycopg

from tests.support.client import Api
from tests.support.pushes import SUBJECT, VAPID_KEY, Browser, services
from tests.support.server import Device, Server
from tests.support.waiting import wait_until


def test_who_is_away_hears_of_a_message_and_who_is_there_does_not(make_server: Callable[..., Server]) -> None:
    with services() as stand_ins:
        server = make_server(VAPID_PRIVATE_KEY=VAPID_KEY, VAPID_SUBJECT=SUBJECT, WEBPUSH_HOSTS="127.0.0.1")
        api = Api(server)
        ann, bob, cid = api.users("ann", "bob", "cid")
        browsers = [Browser(stand_ins) for _ in range(2)]
        for user, browser in zip((bob, cid), browsers, strict=True):
            path = f"/users/{user['id']}/devices/{browser.token}"
            api.request("PUT", path, {"user_id": user["id"], **browser.subscription})
        talk = api.conversation(ann, bob, cid)
        with Device(server) as there:
            there.join(cid)
            wait_for_presence(server, cid["id"])
            sent = api.send(talk, ann, "Is the kettle on?")
            wait_until(lambda: bool(browsers[0].shown()))
            assert there.hear("message")["id"] == sent["id"]
        (shown,) = browsers[0].shown()
        assert (shown["title"], shown["body"]) == ("a group", "ann: Is the kettle on?")
        assert shown["data"]["message_id"] == sent["id"]
        assert browsers[1].shown() == []
        assert server.stop() == 0


def wait_for_presence(server: Server, user_id: str) -> None:
    """Wait until the process has told the database who is there, which it does once a second."""
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        wait_until(
            lambda: (
                connection.execute("select from chat_presence where user_id = %s and online", [user_id]).fetchone()
                is not None
            )
        )
