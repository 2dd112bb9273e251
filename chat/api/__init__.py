"""Inbound HTTP: a blueprint for each noun; a route is its decorators and a few lines."""
