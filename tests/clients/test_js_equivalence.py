"""The JavaScript client shows what a fresh one shows, whatever users do on however many devices."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.clients.phone import JsPhone
from tests.proofs.test_equivalence import People
from tests.support.node import needs_node
from tests.support.proofs import SOAK, size
from tests.support.server import Server

pytestmark = [needs_node, pytest.mark.soak, pytest.mark.timeout(size(180, 3600))]


class JsPeople(People):
    """Their devices are processes, which end with them."""

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            for phone in self.phones:
                phone.close()  # type: ignore[attr-defined]


def test_every_device_ends_up_with_what_a_fresh_one_shows(server: Server, js_packages: None) -> None:
    run_state_machine_as_test(
        lambda: JsPeople(server, JsPhone),
        settings=settings(
            max_examples=size(3, 60),
            stateful_step_count=size(30, 60),
            derandomize=not SOAK,
            phases=[Phase.generate, Phase.shrink] if SOAK else [Phase.generate],
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
