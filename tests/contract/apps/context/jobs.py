"""APScheduler, started and fed by a coloured request; `sys.argv[1]`: in a thread, or in an event loop."""

from __future__ import annotations

import asyncio
import queue
import sys

import follow
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

heard = queue.Queue()


def job():
    heard.put(follow.colour())


async def coroutine_job():
    heard.put(follow.colour())


def thread():
    with follow.serving("gray"):
        scheduler = BackgroundScheduler()
        scheduler.start()
        scheduler.add_job(job, "interval", seconds=0.05)
    seen = [heard.get(timeout=follow.BOUND_SECONDS) for _ in range(2)]
    scheduler.shutdown()
    return seen


async def loop():
    with follow.serving("gray"):
        scheduler = AsyncIOScheduler()
        scheduler.start()
        scheduler.add_job(job, "interval", seconds=0.05)
        scheduler.add_job(coroutine_job, "interval", seconds=0.05)
        while heard.qsize() < 6:  # noqa: ASYNC110 - filled by threads too
            await asyncio.sleep(0.01)
    scheduler.shutdown(wait=False)
    return [heard.get() for _ in range(6)]


follow.answer(thread() if sys.argv[1] == "thread" else asyncio.run(loop()))
