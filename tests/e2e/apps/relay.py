"""A plain gateway over WSGI: whatever comes in goes on to stock, headers and all, as hand-written gateways do."""

import urllib3

pool = urllib3.PoolManager()
HOP = ("HTTP_HOST", "HTTP_CONNECTION")


def application(environ, start_response):
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name not in HOP
    }
    answer = pool.request("GET", environ.get("HTTP_X_TO", "http://stock/"), headers=headers, timeout=10)
    start_response("200 OK", [("Content-Length", str(len(answer.data)))])
    return [answer.data]
