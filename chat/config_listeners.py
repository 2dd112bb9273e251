"""The settings of who is told of changes besides clients: a webhook, and the services that push to devices."""

from dataclasses import dataclass

from .config_fields import names_in, setting


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """A part of `Config`."""

    webhook_url: str = setting("", "The app's own backend: it is sent every change, signed as Standard Webhooks say.")
    webhook_secret: str = setting(
        "", "What those requests are signed with: whsec_ and 24 to 64 bytes in base64.", secret=True
    )

    vapid_private_key: str = setting(
        "", "Turns Web Push on: the key that its requests are signed with, 32 bytes in URL-safe base64.", secret=True
    )
    vapid_subject: str = setting(
        "", "Whom the push services may write to: mailto: and an address, or an https:// address."
    )
    webpush_hosts: str = setting(
        "fcm.googleapis.com,jmt17.google.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com",
        "The push services of browsers, separated by commas: nothing is sent to endpoints elsewhere.",
    )
    push_expo: str = setting("", "on: push through Expo. Default: on with EXPO_ACCESS_TOKEN, off without.")
    expo_access_token: str = setting("", "For Expo projects with enhanced push security.", secret=True)
    fcm_service_account_file: str = setting(
        "", "Turns Firebase Cloud Messaging on: the JSON file with the key of a service account of the project."
    )
    push_text: str = setting("on", "off: notifications say who wrote or where, and not what.")

    @property
    def push_services(self) -> list[str]:
        """The services that these settings turn on."""
        return [
            name
            for name, is_on in (
                ("webpush", self.vapid_private_key),
                ("expo", self.push_expo == "on" or (not self.push_expo and self.expo_access_token)),
                ("fcm", self.fcm_service_account_file),
            )
            if is_on
        ]

    @property
    def push_hosts(self) -> list[str]:
        """WEBPUSH_HOSTS as a list."""
        return [name.lower() for name in names_in(self.webpush_hosts)]

    @property
    def has_listeners(self) -> bool:
        """Whether changes are told to others than clients, by jobs."""
        return bool(self.webhook_url or self.push_services)
