"""Threads that outlive the request that started them."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import socketserver
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import follow

seen = {}


def in_loop(loop, read=follow.colour):
    async def ask():
        return read()

    return asyncio.run_coroutine_threadsafe(ask(), loop).result(follow.BOUND_SECONDS)


async def later(loop):
    """What a loop does by itself: a timer that its own thread set."""
    found = loop.create_future()
    loop.call_later(0.01, lambda: found.set_result(follow.colour()))
    return await found


class Handler(logging.Handler):
    def emit(self, _record):
        heard.put(follow.colour())


heard = queue.Queue()


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(follow.colour().encode())


def ask(address):
    import socket

    with socket.create_connection(address, timeout=follow.BOUND_SECONDS) as sock:
        return sock.recv(100).decode()


def start():
    """Everything is started lazily, by whoever comes first: here a coloured request."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    listener = logging.handlers.QueueListener(queue.Queue(), Handler())
    listener.start()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return loop, listener, server


def outlive():
    with follow.serving("gray"):
        loop, listener, server = start()
        pool, threads = ThreadPoolExecutor(1), ThreadPool(1)
        seen["first"] = [pool.submit(follow.colour).result(), threads.apply(follow.colour), in_loop(loop)]
    for lane in ("", "blue"):
        with follow.serving(lane):
            listener.queue.put(logging.makeLogRecord({}))
            seen[lane or "none"] = [
                pool.submit(follow.colour).result(),
                threads.apply(follow.colour),
                in_loop(loop),
                asyncio.run_coroutine_threadsafe(later(loop), loop).result(follow.BOUND_SECONDS),
                heard.get(timeout=follow.BOUND_SECONDS),
                ask(server.server_address),
            ]
    seen["nobody"] = [pool.submit(follow.colour).result(), threads.apply(follow.colour), in_loop(loop)]
    listener.stop()
    server.shutdown()
    return seen


def lost():
    """Mesh calls of what was started during a coloured request and got no colour are counted, others are not."""
    consumer = types.ModuleType("kafka.consumer")
    exec("def poll(done):\n    done.put(reached())\n    done.put(reached())", vars(consumer))
    vars(consumer)["reached"] = follow.reached
    with follow.serving("gray"):
        threading.Thread(target=consumer.poll, args=(heard,)).start()
        calls = [heard.get(timeout=follow.BOUND_SECONDS) for _ in range(2)]
        pool = ThreadPoolExecutor(1)
        calls.append(pool.submit(follow.reached).result())
        pool.submit(consumer.poll, heard).result()
        calls += [heard.get(timeout=follow.BOUND_SECONDS) for _ in range(2)]
    with follow.serving(""):
        threading.Thread(target=consumer.poll, args=(heard,)).start()
        calls += [heard.get(timeout=follow.BOUND_SECONDS) for _ in range(2)]
        calls.append(pool.submit(follow.reached).result())
    return dict(follow.counters(), calls=calls)


follow.answer(globals()[sys.argv[1]]())
