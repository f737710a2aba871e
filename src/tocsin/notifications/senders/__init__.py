"""Sends messages: one module for each type of channel."""
