"""Tokens that this server signs."""

from flask import Response

from ..actions import tokens
from ..auth.caller import required_identity
from ..policy import budget, raises, token_required
from ..schemas.users import RevokedSchema, TokenSchema
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("tokens", __name__, description="Refresh and revoke the tokens that this server signs.")


@blueprint.post("/tokens/refresh")
@blueprint.response(200, TokenSchema)
@raises("not_allowed")
@token_required()
@budget("default")
def refresh_token() -> Response:
    """Get a new token for the one sent."""
    return answer(tokens.refresh(required_identity()))


@blueprint.post("/tokens/revoke")
@blueprint.response(200, RevokedSchema)
@token_required()
@budget("default")
def revoke_tokens() -> Response:
    """Revoke all tokens of the user issued before now, on every device; the answer has a new one."""
    return answer(tokens.revoke(required_identity()))
