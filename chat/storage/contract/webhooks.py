"""Webhooks: the changes that the app's own backend has not heard of yet."""

from typing import Any, TypedDict

from .calls import Calls, sql


class WebhookEvent(TypedDict):
    """One change to tell: `event_id` is the same at every try, `data` shows things as they are now."""

    id: int
    event_id: str
    type: str
    created_at: str
    data: dict[str, Any]


class Webhooks(Calls):
    """Changes that wait for the webhook, in their order within a conversation."""

    @sql
    def set_listeners(self, webhook: bool, push: bool) -> None:
        """Say whether a webhook and push services are to hear of changes from now on."""

    @sql
    def list_webhook_events(self, conversation_id: str, limit: int) -> list[WebhookEvent]:
        """Return the oldest changes of a conversation that wait."""

    @sql
    def delete_webhook_events(self, ids: list[int]) -> None:
        """Forget changes that the webhook has heard of."""

    @sql
    def fail_webhook_event(self, id: int, error: str, seconds: float) -> bool:
        """Note a failed try; return whether the change, older than `seconds`, is given up."""

    @sql
    def list_dead_webhook_events(self, limit: int) -> dict[str, Any]:
        """Return `{dead, waiting, events}`: the counts, and the latest that were given up."""

    @sql
    def redeliver_webhook_events(self) -> int:
        """Let all that were given up wait again; return how many."""

    @sql
    def add_webhook_jobs(self) -> None:
        """Add the jobs that are missing for changes that wait."""
