"""Calculates metrics: one, many in shared scans, series, and their rollup cache."""
