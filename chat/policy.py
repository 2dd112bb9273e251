"""What a route or a socket event says of itself: who may use it, what it counts against, which errors it answers.

The decorators stand on the view or the handler; the hooks, the documents and the tests read `policy_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

#: The budget of a route that has not said which; a test finds it.
UNDECLARED = ""


@dataclass(frozen=True)
class Policy:
    """The policy of one route or event.

    `is_public`: it needs no token; `reads_token`: it uses one that is sent all the same. `budget`: the rate limit it
    counts against, None for no limit. `codes`: the errors it answers besides those that follow from the rest.
    """

    is_public: bool = False
    reads_token: bool = True
    budget: str | None = UNDECLARED
    codes: tuple[str, ...] = ()


def policy_of(view: Any) -> Policy:
    """Return the policy of a view or handler; one that says nothing needs a token."""
    policy: Policy = getattr(view, "policy", Policy())
    return policy


def public(*, reads_token: bool = False) -> Callable[[View], View]:
    """Let anyone use this, without a token."""
    return _change(is_public=True, reads_token=reads_token)


def budget(kind: str | None) -> Callable[[View], View]:
    """Count each use against the caller's limit of this kind (`RATE_LIMIT_<KIND>`); None counts nothing."""
    return _change(budget=kind)


def raises(*codes: str) -> Callable[[View], View]:
    """Name the errors that this answers besides those of every route with its policy and payload."""
    return _change(codes=codes)


def _change(**changes: Any) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.policy = replace(policy_of(view), **changes)  # type: ignore[attr-defined]
        return view

    return decorate
