"""The policy of a route or a client event: who may use it, its rate limit, its errors, the events that it announces.

The decorators stand on the view or the handler; the hooks, the documents and the tests read `policy_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

#: The budget of a route that has not declared one; a test finds it.
UNDECLARED = ""


@dataclass(frozen=True)
class Policy:
    """The policy of one route or client event.

    `is_public`: it needs no token. `reads_token`: it verifies a token that is sent. `needs_token`: it needs one in open
    mode too. `budget`: the rate limit that it counts against, None for no limit. `codes`: the errors that it answers
    besides those that follow from the rest. `announces`: the events that members hear of it.
    """

    is_public: bool = False
    reads_token: bool = True
    needs_token: bool = False
    budget: str | None = UNDECLARED
    codes: tuple[str, ...] = ()
    announces: tuple[str, ...] = ()

    @property
    def error_codes(self) -> set[str]:
        """The codes that it names, and those that follow from the policy over HTTP and Socket.IO alike."""
        codes = {"internal_error", *self.codes}
        if self.reads_token:
            codes |= {"token_invalid"}
        if not self.is_public:  # the database is asked whether the caller exists
            codes |= {"authentication_required", "user_not_found", "storage_unavailable"}
        if self.budget:
            codes |= {"rate_limited"}
        return codes


def policy_of(view: Any) -> Policy:
    """Return the policy of a view or handler; without a decorator it needs a token and has no budget yet."""
    policy: Policy = getattr(view, "policy", Policy())
    return policy


def public(*, reads_token: bool = False) -> Callable[[View], View]:
    """Let anyone use this, without a token."""
    return _change(is_public=True, reads_token=reads_token)


def token_required() -> Callable[[View], View]:
    """Refuse callers without a token in open mode too."""
    return _change(needs_token=True)


def budget(kind: str | None) -> Callable[[View], View]:
    """Count each use against the caller's limit of this kind (`RATE_LIMIT_<KIND>`); None counts nothing."""
    return _change(budget=kind)


def raises(*codes: str) -> Callable[[View], View]:
    """Name the errors that this answers besides those that follow from its policy and its arguments."""
    return _change(codes=codes)


def announces(*events: str) -> Callable[[View], View]:
    """Name the events that members of the conversation hear when this succeeds."""
    return _change(announces=events)


def _change(**changes: Any) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.policy = replace(policy_of(view), **changes)  # type: ignore[attr-defined]
        return view

    return decorate
