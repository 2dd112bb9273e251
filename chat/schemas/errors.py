"""The one shape of an error (RFC 9457)."""

from marshmallow import fields

from .base import Schema


class ProblemSchema(Schema):
    """An error. Branch on `code`; `detail` is for people."""

    example = {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such conversation.",
        "code": "conversation_not_found",
        "request_id": "0b9f2c1e-8f52-4a55-8c0b-2f4f6f1c7e06",
    }

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "A stable snake_case word."})
    request_id = fields.String(required=True)
    retry_after = fields.Integer(metadata={"description": "With 429 and 503: seconds to wait before the next try."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "With 422: the fields that cannot be accepted, each with texts that say why."},
    )
