"""The orders: a plain FastAPI app that calls stock. It knows nothing of the mesh."""

import os
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request

VERSION = os.environ.get("APP_VERSION", "baseline")


@asynccontextmanager
async def lifespan(app):
    async with httpx.AsyncClient(timeout=10) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


async def path(request: Request):
    answer = await request.app.state.client.get("http://stock/stock/7")
    answer.raise_for_status()
    return {"path": ["orders " + VERSION, *answer.json()["path"]]}


@app.get("/orders/{number}")
async def show(number: int, request: Request):
    return await path(request)


@app.post("/orders")
async def buy(request: Request):
    return await path(request)
