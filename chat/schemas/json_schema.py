"""What the OpenAPI and the AsyncAPI document share: JSON Schema made from the schemas, and the error objects."""

from collections.abc import Iterable
from typing import Any

import marshmallow
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter

from ..error_codes import CODES
from ..errors import ChatError, problem
from .errors import ProblemSchema

#: The version of OpenAPI whose schemas are JSON Schema, as AsyncAPI's are.
OPENAPI_VERSION = "3.1.0"
PROBLEM = {"$ref": "#/components/schemas/Problem"}


class Converter(OpenAPIConverter):
    """Leaves out `additionalProperties: false`: unknown fields are ignored, and answers may get more fields."""

    def schema2jsonschema(self, schema: marshmallow.Schema) -> dict[str, Any]:
        described = super().schema2jsonschema(schema)
        described.pop("additionalProperties", None)
        return described


class SchemaPlugin(MarshmallowPlugin):
    """The plugin that turns marshmallow schemas into components of a document."""

    Converter = Converter

    def init_spec(self, spec: Any) -> None:
        super().init_spec(spec)
        spec.components.schema("Problem", schema=ProblemSchema)


def problem_with(codes: Iterable[str]) -> dict[str, Any]:
    """Return the JSON Schema of a problem that has one of these codes."""
    return {"allOf": [PROBLEM, {"type": "object", "properties": {"code": {"enum": list(codes)}}}]}


def example_problem(code: str) -> dict[str, Any]:
    """Return an example of the problem with this code."""
    status, _ = CODES[code]
    error = ChatError(
        status,
        code,
        errors={"limit": ["Not a valid integer."]} if status == 422 else None,
        retry_after=1 if status in (429, 503) else None,
    )
    return problem(error, ProblemSchema.example["request_id"])
