"""The codes of errors, which clients branch on."""

from collections.abc import Iterable

#: Every code: its HTTP status, and the `detail` unless whoever raises it gives another.
CODES: dict[str, tuple[int, str]] = {
    "malformed_json": (400, "The body is not valid JSON."),
    "body_too_slow": (400, "The body took too long."),
    "malformed_request": (400, "This is not a valid HTTP request."),
    "authentication_required": (
        401,
        "Send a token: `Authorization: Bearer <token>`, in a handshake `auth: {token}`.",
    ),
    "token_expired": (401, "The token has expired."),
    "token_invalid": (401, "The token cannot be accepted."),
    "identity_mismatch": (403, "The request names another user than the one who sends it."),
    "not_allowed": (403, "This is not allowed."),
    "origin_not_allowed": (403, "Pages of this origin may not call this server; CORS_ORIGINS names those that may."),
    "user_not_found": (404, "There is no such user."),
    "blocked": (403, "One of the two has blocked the other."),
    "frozen": (403, "The conversation is frozen: only its owner and admins may write."),
    "message_not_found": (404, "There is no such message."),
    "attachment_not_found": (404, "There is no such attachment."),
    "conversation_not_found": (404, "There is no such conversation."),
    "invite_not_found": (404, "There is no such invite: it has expired, was used up, or was taken back."),
    "scheduled_not_found": (404, "There is no such scheduled message."),
    "event_not_found": (404, "There is no such event."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This address does not answer this method; `Allow` says which it does."),
    "version_conflict": (409, "It was edited meanwhile: read it anew."),
    "too_many_scheduled": (409, "1,000 messages of this user are scheduled already."),
    "attachment_used": (409, "An attachment belongs to one message, and this one has been sent."),
    "body_too_large": (413, "The body is larger than 1 MiB."),
    "target_too_long": (414, "The address is too long."),
    "unsupported_media_type": (415, "The body must be application/json."),
    "range_not_satisfiable": (416, "The file has no such bytes; `Content-Range` says how many it has."),
    "expectation_failed": (417, "The only expectation known here is 100-continue."),
    "validation_failed": (422, "The request has fields that cannot be accepted; `errors` names them."),
    "too_many_reactions": (422, "A message has at most 20 kinds of reactions."),
    "host_not_allowed": (421, "In open mode this server does not answer to this host name; ALLOWED_HOSTS adds names."),
    "upgrade_required": (426, "The only version of WebSockets here is 13."),
    "rate_limited": (429, "Too many requests; try again later."),
    "slow_mode": (429, "In this conversation each member waits between messages."),
    "too_many_sessions": (429, "This user has too many sockets open."),
    "too_many_connections": (429, "This address has too many connections."),
    "headers_too_large": (431, "The headers are too large, or too many."),
    "internal_error": (500, "Something went wrong here; the request's id helps to find it in the log."),
    "storage_unavailable": (503, "The database does not answer at the moment; try again."),
    "attachments_unavailable": (503, "The store of files does not answer at the moment; try again."),
    "http_version_not_supported": (505, "This server speaks HTTP/1.1."),
    "attachments_full": (507, "The server has no room for files."),
}


def by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    """Return the codes grouped by their HTTP status, in the order of `CODES`."""
    grouped: dict[int, list[str]] = {}
    for code in sorted(codes, key=list(CODES).index):
        grouped.setdefault(CODES[code][0], []).append(code)
    return grouped
