"""Pages for people, and documents for whoever reads them, programs too."""

import re
from functools import cache
from pathlib import Path

from flask import Response, current_app

from ..errors import ChatError
from ..files import shipped
from ..policy import budget, public, raises
from .blueprint import Blueprint

blueprint = Blueprint("pages", __name__, description="Pages for people.")

#: Headers of a page that is a file.
FILE_HEADERS = ("ETag", "Accept-Ranges", "Content-Disposition")
MARKDOWN = "text/markdown"


@blueprint.get("/")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=FILE_HEADERS)
@public()
@budget(None)
def home() -> Response:
    """Show the front page."""
    return current_app.send_static_file("index.html")


@blueprint.get("/docs")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=FILE_HEADERS)
@public()
@budget(None)
def docs() -> Response:
    """Show the HTTP API, with forms that call it."""
    return current_app.send_static_file("docs/index.html")


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
