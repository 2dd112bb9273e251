"""The pages of reference and the documents: whole, offline, and safe under the policy that they are served with."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from chat.api.pages import documents

ROOT = Path(__file__).parents[2]
PAGES = ["/", "/docs", "/docs/events"]
VENDOR = ROOT / "chat/web/vendor/swagger-ui"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_script_in_it_and_loads_what_is_there(client: FlaskClient, page: str) -> None:
    text, policy = read(client, page)
    rules = {name: values for name, *values in (rule.split() for rule in policy.split(";"))}
    assert rules.get("script-src", rules["default-src"]) == ["'self'"]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not content.strip() for attributes, content in scripts)
    assert not re.search(r"\son\w+=|javascript:", text)
    for target in re.findall(r'(?:src|href)="([^"#]+)"', text):
        url = urljoin(f"http://localhost{page}", target)
        assert url.startswith("http://localhost/"), target
        assert read(client, url), target


def read(client: FlaskClient, url: str) -> tuple[str, str]:
    """Return what is served, which must be there, and its policy."""
    with client.get(url) as response:
        assert response.status_code == 200, url
        return response.get_data(as_text=True), response.headers["Content-Security-Policy"]


def test_scripts_of_the_pages_ask_this_server_alone() -> None:
    for path in (ROOT / "chat/web/docs").glob("*.*"):
        assert "http" not in path.read_text().replace("HTTP", ""), path


def test_the_vendored_files_are_those_of_the_release() -> None:
    sums = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    assert {"LICENSE", "NOTICE"} <= sums.keys()
    assert sums.keys() | {"SHA256SUMS", "VERSION"} == {path.name for path in VENDOR.iterdir()}
    for name, expected in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == expected, name


def test_llms_txt_lists_every_document(client: FlaskClient) -> None:
    response = client.get("/llms.txt")
    assert response.mimetype == "text/plain"
    targets = re.findall(r"\]\(([^)]+)\)", response.text)
    assert {f"/docs/{name}.md" for name in documents()} | {"/openapi.json", "/asyncapi.json"} == set(targets)
    assert all(client.get(target).status_code == 200 for target in targets)


def test_documents_are_markdown_whose_links_lead_to_each_other(client: FlaskClient) -> None:
    assert {"README", "CHANGELOG", "clients", "deployment", "commands"} <= documents().keys()
    for name in documents():
        response = client.get(f"/docs/{name}.md")
        assert (response.mimetype, response.headers["Content-Type"]) == (
            "text/markdown",
            "text/markdown; charset=utf-8",
        )
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+\.md)", response.text):
            if not target.startswith(("bench/", "clients/", "../")):  # which are no part of the server
                assert client.get(urljoin(f"/docs/{name}.md", target)).status_code == 200, target


@pytest.mark.parametrize("name", ["nothing", "..%2fREADME", "../README", "%00", "performance%2fresults"])
def test_other_names_are_no_documents(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}.md").status_code == 404
