"""The one catalogue of routes, each with how it is called: `calls.py`.

It feeds the access matrix, the tests of bad input and bad bodies, and those of the OpenAPI document. What the routes
read is taken from the app, so that no new field can be forgotten.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask
from marshmallow import Schema
from werkzeug.test import TestResponse

from chat.api.openapi import arguments_of
from chat.app import create_app
from chat.config import Config
from tests.support.calls import CALLS, Call
from tests.support.world import Content, World


class Route(NamedTuple):
    """A route, and one place where it reads arguments: `json`, `form`, `files` or `query`; or None."""

    endpoint: str
    method: str
    path: str
    location: str | None
    schema: Schema

    @property
    def call(self) -> Call:
        return CALLS[self.endpoint]

    @property
    def place(self) -> str | None:
        """What the path leads to, which strangers are told does not exist."""
        if found := re.search("<id:(?!user_id)([a-z]+)_id>", self.path):  # a user is found by everybody
            return found[1]
        is_for_strangers = self.endpoint in ("invites.get_invite", "invites.accept_invite")
        return "invite" if "<code>" in self.path and not is_for_strangers else None

    def example(self, world: World, named: str | None = None) -> Content:
        """Return the content of a call that is served in open mode, in the name of ann unless another is named."""
        names = {self.call.names: named or self.call.caller(world)} if self.call.names else {}
        return self.call.content(world) | names

    def send(self, world: World, content: Content, id: str | None = None, **options: Any) -> TestResponse:
        """Make the request with this content, in the way that the location asks for."""
        if self.location is None:
            return self.open(world, id, **options)
        key = {"json": "json", "form": "data", "files": "data", "query": "query_string"}[self.location]
        if self.location == "files":
            options = {"content_type": "multipart/form-data", **options}
        if self.location != "json":
            content = {
                name: json.dumps(value) if isinstance(value, bool) else value
                for name, value in content.items()
                if not isinstance(value, dict | None)
            }
        return self.open(world, id, **{key: content, **options})

    def open(self, world: World, id: str | None = None, query: str = "", **options: Any) -> TestResponse:
        """Make a request to the route: of the place with this id, of the world without one.

        `query` is written as it is.
        """
        values = {
            "<id:conversation_id>": id or world.conversation,
            "<id:message_id>": id or world.message,
            "<id:scheduled_id>": id or world.scheduled,
            "<id:attachment_id>": id or world.attachment,
            "<id:user_id>": self.call.user(world) if "<id:user_id>" in self.path else "",
            "<code>": id or world.invite,
            "<emoji>": "👍",
            "<path:filename>": "index.html",
            "<name>": "clients",
            "<token>": "ExponentPushToken[anns-phone]",
        }
        path = re.sub("<[^>]+>", lambda found: values[found[0]], self.path)
        with world.client.open(f"{path}?{query}" if query else path, method=self.method, **options) as response:
            response.get_data()
        if self.call.spoils and response.status_code == 200:
            world.open_conversation()
        return response

    def needs(self, name: str) -> bool:
        """Whether the route refuses a payload without this field (in open mode)."""
        names_the_caller = name == self.call.names and self.endpoint != "messages.list_messages"
        is_all = (name, str(self)) == ("message", "edits.edit_message-form")  # a form cannot hold the others
        is_text = (name, self.endpoint) == ("message", "messages.send_message")  # there are no attachments
        return self.schema.fields[name].required or names_the_caller or is_all or is_text

    def __str__(self) -> str:
        return f"{self.endpoint}-{self.location}" if self.location else self.endpoint


def routes_of(app: Flask) -> Iterator[Route]:
    """Return the routes of an app, with the first place where each reads arguments."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            read = arguments_of(app.view_functions[rule.endpoint]) or [(Schema(), None)]
            yield Route(rule.endpoint, method, rule.rule, read[0][1], read[0][0])


ROUTES = list(routes_of(create_app(Config(auth_mode="open", database_url="postgresql://nowhere/x").checked())))
BODIES = [route for route in ROUTES if route.location == "json"]
QUERIES = [route for route in ROUTES if route.location == "query"]
#: Every place where arguments are read; a body may be a form too.
PAYLOADS = [
    *BODIES,
    *(route._replace(location="form") for route in BODIES),
    *QUERIES,
    *(route for route in ROUTES if route.location == "files"),
]
