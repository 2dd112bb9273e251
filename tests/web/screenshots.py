"""Makes docs/images: a server with a small talk in it, photographed (`make screenshots`)."""

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from playwright.sync_api import Browser, sync_playwright

from tests.support.client import Api
from tests.support.server import Server
from tests.web.conftest import CHROMIUM
from tests.web.person import PHONE, Person

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}

#: Draws a picture to send, so that none has to be kept here.
PICTURE = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 540 });
  const draw = canvas.getContext("2d");
  const sky = draw.createLinearGradient(0, 0, 0, 540);
  [["#20406b", 0], ["#e58e5a", 0.6], ["#f6cf8b", 1]].forEach(([colour, at]) => sky.addColorStop(at, colour));
  draw.fillStyle = sky;
  draw.fillRect(0, 0, 960, 540);
  draw.fillStyle = "#ffe9b8";
  draw.beginPath();
  draw.arc(640, 300, 52, 0, 7);
  draw.fill();
  const hills = [["#4b4a6b", 380, 120, 190], ["#2c3350", 450, 90, 140], ["#171d30", 520, 60, 100]];
  for (const [colour, base, height, step] of hills) {
    draw.fillStyle = colour;
    draw.beginPath();
    draw.moveTo(0, 540);
    for (let x = 0; x <= 960 + step; x += step / 2) draw.lineTo(x, base - ((x / step) % 1 ? height : height * 0.2));
    draw.lineTo(960, 540);
    draw.fill();
  }
  return canvas.toDataURL("image/png").split(",")[1];
}"""


def main() -> None:
    """Seed, photograph, stop."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        server = Server(Path(directory), {"AUTH_MODE": "open", "DATA_DIR": f"{directory}/data"})
        server.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            _photograph(browser, server)
        finally:
            browser.close()
            server.stop()


def _photograph(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    picture = base64.b64decode(page.evaluate(PICTURE))
    page.close()
    ann, group = _seed(server, Api(server), picture)
    desktop = {"viewport": SIZE, "device_scale_factor": 1.5}
    others = [Person(browser, server.url).sign_in(user) for user in group[1:3]]
    for name, options, is_list in (
        ("web-light", desktop, False),
        ("web-dark", {**desktop, "color_scheme": "dark"}, False),
        ("web-phone", {**PHONE, "device_scale_factor": 2}, False),
        ("web-phone-list", {**PHONE, "device_scale_factor": 2, "color_scheme": "dark"}, True),
    ):
        person = Person(browser, server.url, **options).sign_in(ann)
        if not is_list:
            person.open("Weekend hike")
            person.page.get_by_role("img", name="ridge.png").wait_for()
        person.page.wait_for_timeout(1500)
        if name == "web-light":
            person.message("Trains at 7:42 or 8:12. I vote for sleep.").get_by_role("button", name="2 replies").click()
            person.page.get_by_role("complementary").get_by_text("And coffee first.").wait_for()
            person.page.wait_for_timeout(500)
        person.page.screenshot(path=IMAGES / f"{name}.png")
        person.close()
    for other in others:
        other.close()


def _seed(server: Server, api: Api, picture: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make people who talk; return who looks, and everyone."""
    ann, ben, cleo, dora, emil = api.users("Ann Marlow", "Ben Okafor", "Cleo Sands", "Dora Lind", "Emil Roth")
    body = {"owner_id": ann["id"], "participant_ids": [ben["id"], cleo["id"], dora["id"]], "group_name": "Weekend hike"}
    hike = api.request("POST", "/conversations/create", body)
    api.request(
        "PATCH", f"/conversations/{hike['id']}", {"user_id": ann["id"], "description": "Saturday, whatever the weather"}
    )
    for other, text in (
        (emil, "The invoice is on its way"),
        (dora, "See you at six?"),
        (cleo, "Thanks, that saved my day ☀️"),
    ):
        direct = api.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": other["id"]})
        api.send(direct, other, text)
    api.send(
        api.request("POST", "/conversations/direct", {"user_id": ann["id"], "other_user_id": ben["id"]}),
        ann,
        "I'll bring the map.",
    )
    say = _sayer(api, hike)
    say(ben, "Who is in for Saturday?")
    say(cleo, "Me! And I have a new tent to try.")
    trains = say(ann, "Trains at 7:42 or 8:12. I vote for sleep.")
    say(dora, "8:12 it is.", thread_id=trains["id"])
    say(cleo, "And coffee first.", thread_id=trains["id"])
    ridge = say(ben, "The ridge last evening", attachments=[_upload(server, ben, "ridge.png", picture)])
    for emoji, who in ("😍", cleo), ("😍", ann), ("🎉", dora):
        api.request("PUT", f"/messages/{ridge['id']}/reactions/{emoji}", {"user_id": who["id"]})
    say(ann, f"@[{ben['id']}] that settles it.", reply_to=ridge["id"])
    say(ann, "Packing list: water, rain jacket, and somebody please bring the good chocolate.")
    say(cleo, "Chocolate is packed 🍫")
    for member in ben, cleo, dora:
        api.request("PUT", f"/conversations/{hike['id']}/receipts", {"user_id": member["id"], "read_seq": 9})
    return ann, [ann, ben, cleo]


def _sayer(api: Api, conversation: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def say(user: dict[str, Any], message: str, **more: Any) -> dict[str, Any]:
        body = {"user_id": user["id"], "message": message, **more}
        return api.request("POST", f"/conversations/{conversation['id']}/messages/create", body)

    return say


def _upload(server: Server, user: dict[str, Any], name: str, content: bytes) -> str:
    fields = {"user_id": user["id"], "file": (name, content, "image/png")}
    body, kind = urllib3.encode_multipart_formdata(fields)
    response = server.http.request("POST", f"{server.url}/attachments", body=body, headers={"Content-Type": kind})
    assert response.status == 200, response.data
    return str(json.loads(response.data)["id"])


if __name__ == "__main__":
    main()
