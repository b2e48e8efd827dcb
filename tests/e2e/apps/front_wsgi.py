"""A plain WSGI app that calls stock."""

import urllib3

pool = urllib3.PoolManager()


def application(environ, start_response):
    body = b"plain"
    if environ["PATH_INFO"] == "/call":
        body = b"%d" % pool.request("GET", "http://stock/", timeout=10).status
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
