"""A Flask application that records failed logins and orders.

Run it with

    TOCSIN_URL=http://127.0.0.1:8420 TOCSIN_API_KEY=... flask --app examples/flask_app.py run

TOCSIN_API_KEY is a key with the role `ingest`.
"""

from __future__ import annotations

import os
from decimal import Decimal

from flask import Flask, request
from flask.typing import ResponseReturnValue

from tocsin_client import Client, Exchange
from tocsin_client.wsgi import TocsinMiddleware

tocsin = Client(os.environ["TOCSIN_URL"], os.environ["TOCSIN_API_KEY"], origin="WEB")
app = Flask(__name__)


def failed_logins(exchange: Exchange) -> None:
    if exchange.path == "/login" and exchange.status == 401:
        tocsin.record("LOGIN", exchange.headers.get("x-customer", "unknown"), "LOGIN_FAILED")


app.wsgi_app = TocsinMiddleware(app.wsgi_app, on_response=failed_logins)  # type: ignore[method-assign]  # as Flask documents it


@app.post("/login")
def login() -> ResponseReturnValue:
    if request.json["password"] != "correct horse":
        return {"detail": "wrong password"}, 401
    return {"customer": request.json["customer"]}


@app.post("/orders")
def order() -> ResponseReturnValue:
    customer, total = request.json["customer"], Decimal(request.json["total"])
    tocsin.record("CUSTOMER", customer, "ORDERED", {"total": total})
    return {"customer": customer}, 201
