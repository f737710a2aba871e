"""How fast is Tocsin, and beside what? Run with `make bench`, or `python -m benchmarks`.

Everything here runs on real parts: a `tocsin serve` process, a private PostgreSQL cluster, and the
engine queried by hand. What comes out is a JSON file, a Markdown table and plots, by `report.py`.
"""
