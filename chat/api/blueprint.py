"""The blueprint of all routes: its decorators read the arguments and describe the answer.

The OpenAPI document is flask-smorest's; requests are read here, since its wrappers and webargs' cost as much as a view.
"""

from functools import wraps
from typing import Any

import flask_smorest.blueprint

from ..auth import Caller
from ..schemas.base import Schema
from .answers import JSON, header_references
from .arguments import find_caller, read, with_caller


class Blueprint(flask_smorest.blueprint.Blueprint):
    """A blueprint whose views get `(caller, arguments)` and answer JSON."""

    def arguments(  # type: ignore[override]
        self,
        schema: type[Schema],
        *,
        location: str = "json",
        names_caller: str | None = "user_id",
        caller_required: bool = True,
    ) -> Any:
        """Read the arguments with `schema` and call the view with `(caller, arguments)`.

        `names_caller` is the field in which the caller says who it is in open mode; with None the view gets the
        arguments alone. Without `caller_required` the caller may be None, in open mode.
        """
        reader = with_caller(schema, names_caller)()
        describe = super().arguments(reader, location=location)

        def decorate(view: Any) -> Any:
            @wraps(view)
            def with_arguments(**path: str) -> Any:
                arguments = read(reader, location)
                if names_caller is None:
                    return view(arguments, **path)
                caller = find_caller(arguments.pop(names_caller, None), names_caller, caller_required)
                return view(caller, arguments, **path)

            return _described(with_arguments, describe)

        return decorate

    def caller(self) -> Any:
        """Call the view with the caller, whom the query names in open mode."""

        def decorate(view: Any) -> Any:
            @wraps(view)
            def without_arguments(caller: Caller, arguments: dict[str, Any], **path: str) -> Any:
                return view(caller, **path)

            return self.arguments(Schema, location="query")(without_arguments)

        return decorate

    def response(  # type: ignore[override]
        self,
        status_code: int,
        schema: Any,
        *,
        content_type: str = JSON,
        headers: tuple[str, ...] = (),
        description: str | None = None,
    ) -> Any:
        """Describe the answer: its schema, and which of `answers.HEADERS` it has besides those of every answer."""
        describe = super().response(
            status_code, schema, content_type=content_type, headers=header_references(headers), description=description
        )
        return lambda view: _described(view, describe)

    def also(
        self,
        status_code: int,
        schema: Any,
        description: str,
        *,
        content_type: str | None = None,
        headers: tuple[str, ...] = (),
    ) -> Any:
        """Describe another answer of a route that succeeds; one without a body has no schema."""
        describe = super().alt_response(
            status_code,
            schema=schema,
            content_type=content_type,
            headers=header_references(headers),
            description=description,
            success=True,
        )
        return lambda view: _described(view, describe)


def _described(view: Any, describe: Any) -> Any:
    """Return the view with what flask-smorest's decorator notes for the document, and without its wrapper."""
    view._apidoc = describe(view)._apidoc
    return view
