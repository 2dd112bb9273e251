"""Files that stand beside the package in the repository, and inside it where a wheel was installed."""

from pathlib import Path

PACKAGE = Path(__file__).parent
#: Which of the two this is.
ROOT = PACKAGE.parent if (PACKAGE.parent / "migrations.sql").exists() else PACKAGE


def shipped(name: str) -> Path:
    """Return the path of `migrations.sql`, `README.md`, `docs/…` and the like."""
    return ROOT / name
