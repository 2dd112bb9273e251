"""The backup of docs/deployment.md, as it stands there: dumped while a server runs, and restored."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.client import Api
from tests.support.server import Server

ROOT = Path(__file__).parents[2]


def blocks(heading: str) -> list[str]:
    """Return the sessions under a heading of the page."""
    section = (ROOT / "docs/deployment.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def bash(script: str, directory: Path) -> str:
    """Run a session in which `chat` is this code."""
    command = f'chat() {{ "{sys.executable}" -m chat "$@"; }}\n{script}'
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": "0"}
    done = subprocess.run(["bash", "-eu"], input=command, cwd=directory, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_backup_is_made_beside_a_server_and_restored(make_server: Callable[..., Server], tmp_path: Path) -> None:
    place = tmp_path / "with a blank"
    place.mkdir()
    dump, restore = blocks("Backups")
    server = make_server(DATA_DIR=str(place / ".data"))
    api = Api(server)
    ann = api.user("ann")
    conversation = api.conversation(ann)
    api.send(conversation, ann, "before the backup")
    bash(dump, place)
    api.send(conversation, ann, "after the backup")
    server.stop()
    bash(restore, place)  # over what is there
    server.start()
    assert [each["message"] for each in api.messages(conversation)] == ["before the backup"]
    server.stop()
    (place / ".data").rename(place / "lost")
    bash(restore, place)  # where nothing is left
    server.start()
    assert [each["message"] for each in api.messages(conversation)] == ["before the backup"]
    api.send(conversation, ann, "goes on")
