"""The page of docs/examples.md, in a browser, from another origin than the server's."""

import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.clients.js import DIRECTORY
from tests.docs.examples import ADDRESS, blocks, paste
from tests.support import node
from tests.support.identity import SECRET
from tests.support.server import Server


def test_the_page_shows_and_sends(browser: Any, make_server: Callable[..., Server], tmp_path: Path) -> None:
    from playwright.sync_api import expect

    node.install(DIRECTORY)
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET)
    said = paste(server, tmp_path, "".join(blocks("curl", "bash")))
    heading = "JavaScript with socket.io-client"
    (tmp_path / "page.html").write_text(blocks(heading, "html")[0].replace(ADDRESS, server.url))
    (tmp_path / "chat.mjs").write_text(blocks(heading, "js")[0])
    library = (DIRECTORY / "node_modules/socket.io-client/dist/socket.io.esm.min.js").read_text()
    headers = {"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as pages:
        serving = threading.Thread(target=pages.serve_forever)
        serving.start()
        context = browser.new_context()
        page = context.new_page()
        page.route(
            "https://cdn.socket.io/4.8.1/socket.io.esm.min.js",
            lambda route: route.fulfill(headers=headers, body=library),
        )
        try:
            address = f"http://127.0.0.1:{pages.server_port}/page.html"
            page.goto(f"{address}#token={said['BOBS_TOKEN']}&room={said['ROOM']}")
            expect(page.locator("li")).to_have_text(["ann: Is the kettle on?", "ann: A note"])
            page.fill("input", "From a page")
            page.press("input", "Enter")
            expect(page.locator("li").last).to_have_text("bob: From a page")
        finally:
            context.close()
            pages.shutdown()
            serving.join()
