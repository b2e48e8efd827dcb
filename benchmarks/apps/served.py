"""The smallest app of each server: flask, fastapi, aiohttp. `served.py` itself is the aiohttp one."""

import sys

if "gunicorn" in sys.argv[0]:
    from flask import Flask

    flask_app = Flask(__name__)

    @flask_app.get("/")
    def index():
        return "ok"

elif "uvicorn" in sys.argv[0]:
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    fastapi_app = FastAPI()

    @fastapi_app.get("/")
    async def index():
        return PlainTextResponse("ok")

else:
    from aiohttp import web

    async def index(request):
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", index)

    if __name__ == "__main__":
        web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
