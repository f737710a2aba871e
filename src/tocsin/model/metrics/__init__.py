"""Metrics: the definition of an aggregation over interactions."""
