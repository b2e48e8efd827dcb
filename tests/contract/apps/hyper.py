"""hypercorn in an app's own event loop. Its argument is the app: ``asgi`` or ``wsgi``."""

from __future__ import annotations

import asyncio
import importlib
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

if __name__ == "__main__":
    application = importlib.import_module("tests.contract.apps." + sys.argv[1]).application
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.keep_alive_timeout = 7
    asyncio.run(serve(application, config))
