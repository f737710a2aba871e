"""A Django application in one file that records failed logins and orders.

Run it with

    TOCSIN_URL=http://127.0.0.1:8420 TOCSIN_API_KEY=... python examples/django_app.py runserver

TOCSIN_API_KEY is a key with the role `ingest`.
"""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path

from tocsin_client import Client, Exchange
from tocsin_client.django import TocsinMiddleware

tocsin = Client(os.environ["TOCSIN_URL"], os.environ["TOCSIN_API_KEY"], origin="WEB")


class FailedLogins(TocsinMiddleware):
    def on_response(self, exchange: Exchange) -> None:
        if exchange.path == "/login" and exchange.status == 401:
            tocsin.record("LOGIN", exchange.headers.get("x-customer", "unknown"), "LOGIN_FAILED")


def login(request: HttpRequest) -> JsonResponse:
    sent = json.loads(request.body)
    if sent["password"] != "correct horse":
        return JsonResponse({"detail": "wrong password"}, status=401)
    return JsonResponse({"customer": sent["customer"]})


def order(request: HttpRequest) -> JsonResponse:
    sent = json.loads(request.body)
    tocsin.record("CUSTOMER", sent["customer"], "ORDERED", {"total": Decimal(sent["total"])})
    return JsonResponse({"customer": sent["customer"]}, status=201)


urlpatterns = [path("login", login), path("orders", order)]
settings.configure(
    SECRET_KEY="only an example",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.FailedLogins"],
)

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
