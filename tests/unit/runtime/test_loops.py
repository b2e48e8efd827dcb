"""Which functions outlive the request that starts them."""

from __future__ import annotations

import asyncio
import functools
import logging.handlers
import queue
import socketserver
import threading
import types
from concurrent.futures import thread as pool
from typing import Any, Optional
from unittest import mock

import pytest

from meshrun.runtime.loops import LOOP, POOL, known


def named(module: str, name: str = "work") -> types.FunctionType:
    """A function of that module."""
    made = types.FunctionType(named.__code__, {"__name__": module}, name)
    assert made.__module__ == module
    return made


class Callable:
    def __call__(self) -> None: ...

    func = None
    __name__ = "run_forever"


class Answering:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("asked for " + name)

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (named("app.jobs"), None),
        (print, None),
        (Callable(), None),
        (mock.Mock(), None),
        (named("kafka.consumer.fetcher"), LOOP),
        (named("kafkaesque"), None),
        (named("opentelemetry.sdk.trace.export"), LOOP),
        (named("opentelemetry.instrumentation.threading"), None),
        (named("app.loops", "run_forever"), LOOP),
        (functools.partial(functools.partial(named("apscheduler.schedulers.base"))), LOOP),
        (pool._worker, POOL),
        (getattr(logging.handlers.QueueListener(queue.Queue()), "_monitor"), LOOP),  # noqa: B009 - it has no type
        (socketserver.BaseServer.serve_forever, LOOP),
    ],
)
def test_a_function_is_judged_by_where_it_lives_and_what_it_is_called(function: Any, expected: Optional[str]) -> None:
    assert known(function, threading.Thread) == expected


def test_an_object_of_the_app_is_asked_for_nothing() -> None:
    assert known(Answering(), threading.Thread) is None


def test_a_loop_written_in_c_or_python_is_known_by_its_method() -> None:
    loop = asyncio.new_event_loop()
    try:
        assert known(loop.run_forever, threading.Thread) == LOOP
        assert known(loop.run_until_complete, threading.Thread) is None
    finally:
        loop.close()
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    try:
        assert known(loop.run_forever, threading.Thread) == LOOP
    finally:
        loop.close()


def test_without_a_function_the_class_is_judged() -> None:
    worker = type("PubSubWorkerThread", (threading.Thread,), {"__module__": "redis.client"})
    assert known(None, worker) == LOOP
    assert known(None, threading.Timer) is None
    assert known(None, None) is None
