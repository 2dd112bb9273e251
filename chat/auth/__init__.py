"""Identity: tokens, and the caller that they speak for."""

from .caller import Caller

__all__ = ["Caller"]
