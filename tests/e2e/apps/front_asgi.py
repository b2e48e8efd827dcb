"""A plain ASGI app that calls stock."""

import httpx


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b"plain"
    if scope["path"] == "/call":
        async with httpx.AsyncClient(timeout=10) as client:
            body = b"%d" % (await client.get("http://stock/")).status_code
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
