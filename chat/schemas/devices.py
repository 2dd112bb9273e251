"""Devices: where people are reached while they are away."""

from marshmallow import fields

from .base import CREATED_AT, Schema
from .choices import Choice
from .fields import AnyText, Mapping

SERVICES = ("webpush", "expo", "fcm")


class DeviceSchema(Schema):
    """A device of the caller's."""

    example = {
        "token": "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]",
        "service": "expo",
        "created_at": CREATED_AT,
        "registered_at": CREATED_AT,
    }

    token = fields.String(required=True)
    service = fields.String(
        required=True, allow_none=True, metadata={"enum": [*SERVICES, None], "description": "Null: not registered."}
    )
    created_at = fields.DateTime(required=True, allow_none=True)
    registered_at = fields.DateTime(required=True, allow_none=True, metadata={"description": "The last time."})


class PutDeviceSchema(Schema):
    """A device: its service, and for `webpush` the subscription that the browser gave."""

    example = {
        "service": "webpush",
        "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    }

    service = Choice(SERVICES, required=True)
    endpoint = AnyText(metadata={"description": "Of Web Push: the subscription's, at a service of `WEBPUSH_HOSTS`."})
    keys = Mapping(
        keys=Choice(("p256dh", "auth")),
        values=AnyText(),
        longest=2,
        metadata={"description": "Of Web Push: the subscription's `p256dh` and `auth`, in URL-safe base64."},
    )


class VapidKeySchema(Schema):
    """What browsers subscribe with."""

    example = {"public_key": "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"}

    public_key = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "`applicationServerKey` of `pushManager.subscribe`. Null: no Web Push here."},
    )
