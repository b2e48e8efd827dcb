"""A Flask app that spawns, streams and keeps pools, as apps do: everything is made by whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, jsonify, stream_with_context

from tests.contract.apps import state
from tests.contract.apps.context import follow

app = Flask(__name__)
made = {}


def in_thread(read):
    heard = []
    thread = threading.Thread(target=lambda: heard.append(read()))
    thread.start()
    thread.join()
    return heard[0]


@app.route("/")
def index():
    pool = made["pool"] if "pool" in made else made.setdefault("pool", ThreadPoolExecutor(1))
    return jsonify(
        own=follow.colour(), thread=in_thread(follow.colour), pool=pool.submit(follow.colour).result(),
        call=follow.reached(), served_by=threading.current_thread().name,
    )  # fmt: skip


@app.route("/stream")
def stream():
    def pieces():
        yield follow.colour() + "\n"
        yield in_thread(follow.colour) + "\n"
        yield follow.reached() + "\n"

    return app.response_class(stream_with_context(pieces()), mimetype="text/plain")


@app.route("/later")
def later():
    def note():
        state.wait("gate")
        state.note("later", follow.reached())

    threading.Thread(target=note).start()
    return "ok"
