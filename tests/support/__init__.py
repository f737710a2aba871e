"""Helpers of the tests: builders, oracles, a server process, a browser."""
