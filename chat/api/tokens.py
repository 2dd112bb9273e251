"""Tokens that this server signs."""

from flask import Response

from ..actions import tokens
from ..auth.caller import required_identity
from ..policy import budget, raises
from ..schemas.users import RevokedSchema, TokenSchema
from .blueprint import Blueprint, answer

blueprint = Blueprint("tokens", __name__, description="Refresh and revoke the tokens that this server signs.")


@blueprint.post("/tokens/refresh")
@blueprint.response(200, TokenSchema)
@raises("not_allowed")
@budget("default")
def refresh_token() -> Response:
    """Get a fresh token for the one sent."""
    return answer(tokens.refresh(required_identity()))


@blueprint.post("/tokens/revoke")
@blueprint.response(200, RevokedSchema)
@budget("default")
def revoke_tokens() -> Response:
    """End all tokens of the user issued before now, on every device; the answer brings a fresh one."""
    return answer(tokens.revoke(required_identity()))
