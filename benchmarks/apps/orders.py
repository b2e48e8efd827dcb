"""orders of the rolling restart: FastAPI, calls stock."""

from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from journal import executed


@asynccontextmanager
async def lifespan(app):
    async with httpx.AsyncClient(timeout=20) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/do/{number}")
async def do(number: str):
    executed("orders", number)
    answer = await app.state.client.post("http://stock/do/" + number)
    answer.raise_for_status()
    return answer.json()
