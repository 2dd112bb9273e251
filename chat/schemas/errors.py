"""The one shape of an error (RFC 9457)."""

from marshmallow import Schema, fields


class ProblemSchema(Schema):
    """What went wrong. Clients branch on `code`."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "A stable snake_case word."})
    request_id = fields.String(required=True)
    retry_after = fields.Integer(metadata={"description": "With 429 and 503: seconds until it is worth trying again."})
    errors = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), metadata={"description": "With 422: field → texts."}
    )
