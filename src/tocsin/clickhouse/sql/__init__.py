"""Compiles questions to engine SQL: pure functions, no I/O."""
