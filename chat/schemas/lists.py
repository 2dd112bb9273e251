"""What lists are asked for."""

from marshmallow import fields

from .base import Schema
from .fields import Whole


class ListSchema(Schema):
    """A page of a list."""

    example = {"limit": 50}

    limit = Whole(1, 100, load_default=50)
    before = fields.String(metadata={"description": "The cursor of the next page, from the `Link` header of this one."})
