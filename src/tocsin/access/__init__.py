"""Identifies keys, limits wrong ones, and changes keys and sessions."""
