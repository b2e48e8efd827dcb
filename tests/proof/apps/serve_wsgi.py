"""A WSGI application with the usual sorts of answers and failures."""

import sys

import flask
import proof_witness

app = flask.Flask(__name__)


@app.route("/", methods=["GET", "POST", "HEAD"])
def index():
    proof_witness.look("serving")
    return {
        "method": flask.request.method,
        "body": flask.request.get_data(as_text=True),
        "seen": sorted(k for k, _ in flask.request.headers),
    }


@app.route("/stream")
def stream():
    return flask.Response((b"part %d\n" % n for n in range(3)), mimetype="text/plain")


@app.route("/fails")
def fails():
    raise RuntimeError("of the application")


@app.route("/leaves")
def leaves():
    return "x", 418, {"X-Own": "1", "Connection": "close"}


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)
