"""The health of the server."""

from marshmallow import Schema, fields


class HealthSchema(Schema):
    """`ok`, or an error."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})
