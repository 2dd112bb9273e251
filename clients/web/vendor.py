"""Copies what the web client stands on into chat/web/vendor: the client library, Preact and htm.

    python3 clients/web/vendor.py [--check]

With --check nothing is written; a stale copy is exit code 1. Without node_modules (`npm ci`) only the client library
is looked at.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENDOR = ROOT / "chat" / "web" / "vendor"
PACKAGES = HERE / "node_modules"


def module(path: Path) -> bytes:
    """Return a module that a browser loads without an import map, which would be an inline script."""
    text = path.read_text().replace('from"preact"', 'from"./preact.js"')
    return "".join(line for line in text.splitlines(True) if not line.startswith("//# sourceMappingURL")).encode()


def files() -> dict[str, bytes]:
    """Return what belongs into the directory, by name."""
    made = {"chat.js": (ROOT / "clients" / "js" / "dist" / "chat.browser.js").read_bytes()}
    if PACKAGES.exists():
        made |= {
            "preact.js": module(PACKAGES / "preact/dist/preact.mjs"),
            "hooks.js": module(PACKAGES / "preact/hooks/dist/hooks.mjs"),
            "htm.js": module(PACKAGES / "htm/dist/htm.mjs"),
            "LICENSE.preact.txt": (PACKAGES / "preact/LICENSE").read_bytes(),
            "LICENSE.htm.txt": (PACKAGES / "htm/LICENSE").read_bytes(),
        }
    return made


def main() -> int:
    """Copy, or check."""
    stale = [name for name, text in files().items() if not _is_fresh(VENDOR / name, text)]
    if "--check" in sys.argv:
        for name in stale:
            print(f"chat/web/vendor/{name} is stale: `make web` makes it anew.", file=sys.stderr)
        return 1 if stale else 0
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (VENDOR / name).write_bytes(files()[name])
    return 0


def _is_fresh(path: Path, text: bytes) -> bool:
    return path.exists() and path.read_bytes() == text


if __name__ == "__main__":
    sys.exit(main())
