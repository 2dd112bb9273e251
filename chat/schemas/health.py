"""The health of the server."""

from marshmallow import fields

from .base import Schema


class HealthSchema(Schema):
    """`ok`; anything else is an error."""

    example = {"status": "ok"}

    status = fields.String(required=True, metadata={"enum": ["ok"]})
