"""A FastAPI app that spawns, streams and keeps pools, as apps do."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse

from tests.contract.apps import state
from tests.contract.apps.context import follow

app = FastAPI()
made = {}


def pool():
    return made["pool"] if "pool" in made else made.setdefault("pool", ThreadPoolExecutor(1))


@app.get("/")
def index():
    heard = []
    thread = threading.Thread(target=lambda: heard.append(follow.colour()))
    thread.start()
    thread.join()
    return {
        "own": follow.colour(), "thread": heard[0], "pool": pool().submit(follow.colour).result(),
        "call": follow.reached(),
    }  # fmt: skip


@app.get("/async")
async def asynchronous():
    loop = asyncio.get_running_loop()
    return {
        "own": follow.colour(),
        "thread": await loop.run_in_executor(None, follow.colour),
        "pool": await loop.run_in_executor(pool(), follow.colour),
        "call": await loop.run_in_executor(None, follow.reached),
    }


@app.get("/stream")
async def stream():
    def pieces():
        yield follow.colour() + "\n"
        yield pool().submit(follow.colour).result() + "\n"
        yield follow.reached() + "\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/astream")
async def astream():
    async def pieces():
        loop = asyncio.get_running_loop()
        yield follow.colour() + "\n"
        await asyncio.sleep(0)
        yield await loop.run_in_executor(None, follow.colour) + "\n"
        yield await loop.run_in_executor(None, follow.reached) + "\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/later")
async def later(tasks: BackgroundTasks):
    async def note():
        while not state.opened("gate"):  # noqa: ASYNC110 - the gate is a file
            await asyncio.sleep(0.01)
        state.note("later", await asyncio.get_running_loop().run_in_executor(None, follow.reached))

    tasks.add_task(note)
    return "ok"
