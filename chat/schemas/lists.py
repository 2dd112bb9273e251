"""What lists are asked for."""

from .base import Schema
from .fields import Before, Whole


class ListSchema(Schema):
    """A page of a list."""

    example = {"limit": 50}

    limit = Whole(1, 100, load_default=50)
    before = Before()
