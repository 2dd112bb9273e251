"""Proofs that no message is lost: races, kills, state equivalence."""
