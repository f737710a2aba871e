"""Dispatches deliveries to channels, with retries."""
