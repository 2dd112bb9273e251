"""What gets installed is what was chosen: the *.txt that `make requirements` makes hold the pins of the *.in."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILES = ["requirements", "tests/requirements", "tests/tools"]


def requirements(file: Path) -> dict[str, str]:
    """Return the version that a file pins for each package; two pins of one package are an error."""
    lines = re.findall(r"^[^#\s].*?(?= \\|$)", file.read_text(), re.MULTILINE)
    read = [Requirement(line) for line in lines]
    pins = {canonicalize_name(each.name): str(each.specifier) for each in read}
    assert len(pins) == len(read)
    assert all(re.fullmatch("==[^*,]+", version) for version in pins.values()), pins
    return pins


@pytest.mark.parametrize("name", FILES)
def test_direct_pins_are_in_the_compiled_file(pytestconfig: pytest.Config, name: str) -> None:
    chosen = requirements(pytestconfig.rootpath / f"{name}.in")
    assert chosen.items() <= requirements(pytestconfig.rootpath / f"{name}.txt").items()


@pytest.mark.parametrize("name", FILES)
def test_everything_has_a_hash_and_nothing_an_address(pytestconfig: pytest.Config, name: str) -> None:
    compiled = (pytestconfig.rootpath / f"{name}.txt").read_text()
    for block in re.split(r"\n(?=[^#\s])", compiled)[1:]:
        assert "--hash=sha256:" in block, block
    assert "://" not in compiled
    assert not re.search(r"^\s*-(?!-hash=)", compiled, re.MULTILINE)  # -r, --index-url, --find-links and the like


def test_the_tests_run_on_the_servers_versions(pytestconfig: pytest.Config) -> None:
    server, tests = (requirements(pytestconfig.rootpath / f"{name}.txt") for name in FILES[:2])
    differing = {name for name in server.keys() & tests.keys() if server[name] != tests[name]}
    assert not differing
