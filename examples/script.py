"""A script that records its own runs.

Run it with

    TOCSIN_URL=http://127.0.0.1:8420 TOCSIN_API_KEY=... python examples/script.py

TOCSIN_API_KEY is a key with the role `ingest`.
"""

from __future__ import annotations

import os
import sys
import time
from decimal import Decimal

from tocsin_client import Client

PRICES = {"book": Decimal("19.90"), "pen": Decimal("2.45"), "lamp": Decimal("54.00")}


def main() -> int:
    started = time.monotonic()
    with Client(os.environ["TOCSIN_URL"], os.environ["TOCSIN_API_KEY"], origin="SCRIPT") as tocsin:
        for article, price in PRICES.items():
            tocsin.record("ARTICLE", article, "PRICE_CHECKED", {"price": price, "currency": "EUR"})
        seconds = time.monotonic() - started
        tocsin.record("JOB", "price-check", "FINISHED", {"seconds": round(seconds, 3)})
        is_recorded = tocsin.flush(30)
        print(tocsin.stats)
    return 0 if is_recorded else 1


if __name__ == "__main__":
    sys.exit(main())
