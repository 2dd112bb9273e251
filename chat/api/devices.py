"""Devices: where people are reached while they are away."""

from typing import Any

from flask import Response

from ..actions import devices
from ..auth import Caller
from ..policy import budget, public, raises
from ..push import push
from ..schemas.devices import DeviceSchema, PutDeviceSchema, VapidKeySchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("devices", __name__, description="Register devices that are told of messages while nobody looks.")


@blueprint.put("/users/<id:user_id>/devices/<token>")
@blueprint.arguments(PutDeviceSchema)
@blueprint.response(200, DeviceSchema)
@raises("not_allowed")
@budget("default")
def put_device(caller: Caller, body: dict[str, Any], user_id: str, token: str) -> Response:
    """Register a device of the caller's: at each start of the app, since tokens change.

    The token is Expo's or Firebase's; for `webpush` it is the SHA-256 of the subscription's endpoint, in URL-safe
    base64 without padding. Whoever had it before has it no longer. A user has 50: of more those registered longest ago
    go.
    """
    return answer(devices.register(caller, user_id, token, body))


@blueprint.delete("/users/<id:user_id>/devices/<token>")
@blueprint.caller()
@blueprint.response(200, DeviceSchema)
@raises("not_allowed", "validation_failed")
@budget("default")
def delete_device(caller: Caller, user_id: str, token: str) -> Response:
    """Forget a device of the caller's, who signs out there; without one nothing changes."""
    return answer(devices.forget(caller, user_id, token))


@blueprint.get("/users/<id:user_id>/devices")
@blueprint.caller()
@blueprint.response(200, DeviceSchema(many=True))
@raises("not_allowed")
@budget("default")
def list_devices(caller: Caller, user_id: str) -> Response:
    """List the caller's devices, the last registered first."""
    return answer(storage.list_devices(caller, user_id))


@blueprint.get("/push/vapid-key")
@blueprint.response(200, VapidKeySchema)
@public()
@budget(None)
def get_vapid_key() -> Response:
    """Get the key with which browsers subscribe to Web Push."""
    return answer({"public_key": push.webpush.public_key if "webpush" in push.services else None})
