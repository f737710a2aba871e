"""Renders message templates in a confined child process."""
