"""A back end that answers at once and counts: requests, requests with the colour, connections. Prints its port.

backend.py PORTS KEEPALIVE_SECONDS
"""

import asyncio
import json
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
seen = {"requests": 0, "coloured": 0, "connections": 0}


async def serve(reader, writer):
    seen["connections"] += 1
    keepalive = float(sys.argv[2])
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), keepalive)
            if head.startswith(b"GET /count "):
                body = json.dumps(seen).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                seen["connections"] -= 1
                seen.update(requests=0, coloured=0, connections=0)
                return
            seen["requests"] += 1
            seen["coloured"] += b"lane=gray" in head
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(int(sys.argv[1]))]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
