"""A plain WSGI app that calls stock while it is imported, and for each request."""

import os

import urllib3

pool = urllib3.PoolManager()


def ask():
    answer = pool.request("GET", "http://stock/", timeout=10, retries=False, headers={"Connection": "close"})
    return answer.json()["server"].encode()


if "EARLY" in os.environ:
    ask()


def application(environ, start_response):
    body = ask()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
