"""Evaluates alerts on schedule and on arrival, and backtests them."""
