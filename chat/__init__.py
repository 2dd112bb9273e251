"""A chat backend for your own app: REST and Socket.IO in front of PostgreSQL.

Sign up, open a conversation, send messages; every connected device of every member hears of them at
once, and whoever was away asks `POST /sync` for what it missed. Order and numbering are decided in
the database, so a message that was acknowledged is there, once, in its place.

Bodies are JSON. Errors are `application/problem+json` in one shape on every route and in socket
acknowledgements alike; clients branch on `code`. Ids are UUIDs, times are ISO 8601 in UTC.
"""

__version__ = "0.1.0"
