"""Tokens that this server signs."""

from flask import Response

from .. import auth
from ..actions import tokens
from ..schemas.users import RevokedSchema, TokenSchema
from .blueprint import Blueprint, answer

blueprint = Blueprint("tokens", __name__, description="Tokens that this server signs.")


@blueprint.post("/tokens/refresh")
@blueprint.response(200, TokenSchema)
def refresh_token() -> Response:
    """Get a fresh token for the one sent."""
    return answer(tokens.refresh(auth.required_identity()))


@blueprint.post("/tokens/revoke")
@blueprint.response(200, RevokedSchema)
def revoke_tokens() -> Response:
    """End all tokens of the user issued before now, on every device; the answer brings a fresh one."""
    return answer(tokens.revoke(auth.required_identity()))
