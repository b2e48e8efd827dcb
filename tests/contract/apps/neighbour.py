"""Plain apps, Flask (``flask_app``) and FastAPI (``fastapi_app``), that call ``TARGET`` in the way the path says."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp
import fastapi
import flask
import httpx
import requests
import urllib3
from fastapi import concurrency

TARGET = os.environ["TARGET"]
session = requests.Session()
manager = urllib3.PoolManager()
client = httpx.Client()

flask_app = flask.Flask(__name__)
fastapi_app = fastapi.FastAPI()


def with_requests(url: str) -> Any:
    return session.get(url).text


def with_urllib3(url: str) -> Any:
    return manager.request("GET", url).data.decode()


def with_httpx(url: str) -> Any:
    return client.get(url).text


async def with_aiohttp(url: str) -> Any:
    async with aiohttp.ClientSession() as made, made.get(url) as response:
        return await response.text()


async def with_async_httpx(url: str) -> Any:
    async with httpx.AsyncClient() as made:
        return (await made.get(url)).text


PLAIN = {"requests": with_requests, "urllib3": with_urllib3, "httpx": with_httpx}
ASYNC = {"aiohttp": with_aiohttp, "async_httpx": with_async_httpx}


@flask_app.route("/<kind>/<number>")
def called(kind: str, number: str) -> Any:
    url = "%s/%s/%s" % (TARGET, kind, number)
    return PLAIN[kind](url) if kind in PLAIN else asyncio.run(ASYNC[kind](url))


@fastapi_app.get("/{kind}/{number}")
async def called_async(kind: str, number: str) -> Any:
    url = "%s/%s/%s" % (TARGET, kind, number)
    if kind in ASYNC:
        return await ASYNC[kind](url)
    return await concurrency.run_in_threadpool(PLAIN[kind], url)
