"""Benchmarks of Tocsin beside PostgreSQL and the bare engine: `make bench`.

Everything here runs on real parts: a `tocsin serve` process, a private PostgreSQL cluster, and the
engine with queries written by hand. `report.py` writes a JSON file, a Markdown table and plots.
"""
