"""An app that browsers of other origins call, by the framework's own middleware, as ASGI; and a plain one as WSGI."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def item(request):
    return PlainTextResponse("item")


asgi = Starlette(
    routes=[Route("/item", item, methods=["GET", "POST"])],
    middleware=[
        Middleware(
            CORSMiddleware,
            allow_origins=["https://shop.example"],
            allow_methods=["GET", "POST"],
            allow_headers=["x-user-id"],
            allow_credentials=True,
            expose_headers=["x-total"],
        )
    ],
)


def wsgi(environ, start_response):
    headers = [("Access-Control-Allow-Origin", "https://shop.example"), ("Vary", "Origin")]
    if environ["REQUEST_METHOD"] == "OPTIONS":
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        start_response("204 No Content", [*headers, ("Access-Control-Allow-Headers", asked)])
        return []
    start_response("200 OK", [*headers, ("Content-Length", "4")])
    return [b"item"]
