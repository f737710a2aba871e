"""A FastAPI application that records failed logins and orders.

Run it with

    TOCSIN_URL=http://127.0.0.1:8420 TOCSIN_API_KEY=... uvicorn --app-dir examples fastapi_app:app

TOCSIN_API_KEY is a key with the role `ingest`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from tocsin_client import AsyncClient, Exchange
from tocsin_client.asgi import TocsinMiddleware

tocsin = AsyncClient(os.environ["TOCSIN_URL"], os.environ["TOCSIN_API_KEY"], origin="WEB")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with tocsin:
        yield


def failed_logins(exchange: Exchange) -> None:
    if exchange.path == "/login" and exchange.status == 401:
        tocsin.record("LOGIN", exchange.headers.get("x-customer", "unknown"), "LOGIN_FAILED")


app = FastAPI(lifespan=lifespan)
app.add_middleware(TocsinMiddleware, on_response=failed_logins)


class Login(BaseModel):
    customer: str
    password: str


class Order(BaseModel):
    customer: str
    total: Decimal


@app.post("/login")
async def login(login: Login) -> dict[str, str]:
    if login.password != "correct horse":
        raise HTTPException(401, "wrong password")
    return {"customer": login.customer}


@app.post("/orders", status_code=201)
def order(order: Order) -> dict[str, str]:
    """A function that is not asynchronous runs in a thread; `record` may be called there too."""
    tocsin.record("CUSTOMER", order.customer, "ORDERED", {"total": order.total})
    return {"customer": order.customer}
