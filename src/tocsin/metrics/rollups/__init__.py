"""A cache of partial aggregates by time bucket."""
