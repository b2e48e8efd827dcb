"""One file per library, and the table of what is taught: data only, this is loaded at the start of every program."""

TABLE = {
    "urllib3": "urllib3",
    "httpcore": "httpcore",
    "aiohttp": "aiohttp_client",
    "aiohttp.web_runner": "aiohttp_web",
    "signal": "signal",
    "asyncio.unix_events": "asyncio",
    "uvloop": "uvloop",
    "gunicorn.arbiter": "gunicorn_arbiter",
    "gunicorn.http.wsgi": "gunicorn_response",
    "gunicorn.workers.sync": "gunicorn_sync",
    "gunicorn.workers.gthread": "gunicorn_gthread",
    "uvicorn.server": "uvicorn_server",
    "uvicorn.protocols.http.h11_impl": "uvicorn_h11",
    "uvicorn.protocols.http.httptools_impl": "uvicorn_httptools",
    "uvicorn.protocols.websockets.websockets_impl": "uvicorn_websockets",
    "uvicorn.protocols.websockets.websockets_sansio_impl": "uvicorn_sansio",
    "uvicorn.protocols.websockets.wsproto_impl": "uvicorn_wsproto",
}
"""Trigger (the module after whose import the hook is applied) -> hook file in this package."""
