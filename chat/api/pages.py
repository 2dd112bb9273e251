"""Pages for people, and documents for whoever reads them, programs too."""

import re
from functools import cache
from pathlib import Path

from flask import Response, current_app, request

from ..auth.caller import anyone_may_sign_up
from ..auth.tokens import tokens
from ..errors import ChatError
from ..files import shipped
from ..policy import budget, public, raises
from .blueprint import Blueprint

blueprint = Blueprint("pages", __name__, description="Pages for people.")

#: Headers of a page that is a file.
FILE_HEADERS = ("ETag", "Accept-Ranges", "Content-Disposition")
MARKDOWN = "text/markdown"

#: What Swagger UI needs besides: styles in its elements, pictures in its style sheet.
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.get("/")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=("ETag",))
@public()
@budget(None)
def home() -> Response:
    """Show the web client."""
    response = Response(_page(str(current_app.static_folder), _sign_in()), mimetype="text/html")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/docs")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=FILE_HEADERS)
@public()
@budget(None)
def docs() -> Response:
    """Show the HTTP API, with forms that call it."""
    response = current_app.send_static_file("docs/index.html")
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


@blueprint.get("/docs/events")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=FILE_HEADERS)
@public()
@budget(None)
def events() -> Response:
    """Show the events of Socket.IO."""
    return current_app.send_static_file("docs/events.html")


@blueprint.get("/docs/<name>.md")
@blueprint.response(200, {"type": "string"}, content_type=MARKDOWN)
@raises("not_found")
@public()
@budget(None)
def document(name: str) -> Response:
    """Get a document as Markdown; `/llms.txt` lists them."""
    found = documents().get(name)
    if found is None:
        raise ChatError(404, "not_found")
    # Where they stand together, not in the repository's directories.
    text = re.sub(r"\]\((?:\.\./|docs/)+([\w-]+\.md)", r"](\1", found.read_text(encoding="utf-8"))
    return Response(text, mimetype=MARKDOWN)


@blueprint.get("/llms.txt")
@blueprint.response(200, {"type": "string"}, content_type="text/plain")
@public()
@budget(None)
def llms() -> Response:
    """List the documents, for programs that read (llmstxt.org)."""
    return Response(index(), mimetype="text/plain")


@cache
def documents() -> dict[str, Path]:
    """Return the documents by the names under which they are served."""
    found = [shipped("README.md"), *sorted(shipped("docs").glob("*.md")), shipped("CHANGELOG.md")]
    return {path.stem: path for path in found}


@cache
def index() -> str:
    """Return /llms.txt: what this is, and a link to each document with its heading."""
    lines = [
        "# Chat",
        "",
        "> A chat backend for your own app: REST and Socket.IO in front of PostgreSQL.",
        "",
        "## Documents",
        "",
    ]
    for name, path in documents().items():
        with path.open(encoding="utf-8") as file:
            title = file.readline().removeprefix("# ").strip()
        lines.append(f"- [{title}](/docs/{name}.md)")
    lines += [
        "", "## Reference", "",
        "- [OpenAPI 3.1](/openapi.json): every request, field, answer and error",
        "- [AsyncAPI 3.0](/asyncapi.json): every event of Socket.IO",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _sign_in() -> str:
    """Return how one signs in here: `open` (by a name), `own` (a name, for which there is a token), `token`."""
    if current_app.config["CHAT"].auth_mode == "open":
        return "open"
    return "own" if tokens.signs and anyone_may_sign_up() else "token"


@cache
def _page(directory: str, sign_in: str) -> str:
    # An attribute, since the Content-Security-Policy lets no script run that is not a file.
    return (Path(directory) / "index.html").read_text().replace('data-sign-in=""', f'data-sign-in="{sign_in}"')
