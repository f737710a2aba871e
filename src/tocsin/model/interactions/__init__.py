"""Interactions: what is recorded, and filters over it."""
