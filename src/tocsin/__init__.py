"""Tocsin: self-hosted interaction metrics and alerts."""

__version__ = "0.1.0"
