"""Definitions, keys and facts, on SQLite: what people wrote, not what happened."""
