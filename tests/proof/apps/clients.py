"""Calls a server in all the ways that programs do, with the client library that it is told, and prints what it sees."""

import sys
import traceback

import proof_witness

library, port = sys.argv[1], sys.argv[2]
base = "http://127.0.0.1:" + port
CLOSED = "http://127.0.0.1:9"


def told(name, function):
    """Print what a call answers or raises, and all that the exception says."""
    try:
        print(name, function())
    except Exception as error:
        print(name, type(error).__module__, type(error).__qualname__, error, error.args)
        chain = error
        while chain is not None:
            print("  ", type(chain).__qualname__, type(chain.__cause__), chain.__suppress_context__)
            chain = chain.__cause__ or chain.__context__
        sys.stdout.flush()
        traceback.print_exc()


def with_requests():
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    with requests.Session() as session:
        told("get", lambda: shown(session.get(base + "/plain?a=1", headers={"X-One": "1", "accept": "x"})))
        proof_witness.look("after the first call")
        told("post", lambda: shown(session.post(base + "/form", data={"a": "b"}, cookies={"c": "d"})))
        told("json", lambda: shown(session.put(base + "/json", json={"a": [1, None]})))
        told("redirect", lambda: [r.url for r in session.get(base + "/redirect?to=/there").history])
        told("stream", lambda: list(session.get(base + "/stream/3", stream=True).iter_content(7)))
        told("generator", lambda: shown(session.post(base + "/body", data=iter([b"a", b"bc"]))))
        told("files", lambda: session.post(base + "/files", data=b"x" * 100000).status_code)
        session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
        told("retries", lambda: session.get(base + "/flaky/2").status_code)
        told("exhausted", lambda: session.get(base + "/status/503").status_code)
    told("refused", lambda: requests.get(CLOSED, timeout=5))
    told("timeout", lambda: requests.get(base + "/hang", timeout=0.2))
    told("invalid", lambda: requests.get("http://"))
    told("header", lambda: requests.get(base, headers={"bad\nname": "x"}))
    told("close", lambda: [requests.get(base + "/close").headers["Connection"] for _ in range(2)])


def with_urllib3():
    import urllib3

    pool = urllib3.PoolManager(num_pools=2, maxsize=2, block=True)
    told("get", lambda: shown3(pool.request("GET", base + "/plain", headers={"X-One": "1"})))
    proof_witness.look("after the first call")
    told("fields", lambda: shown3(pool.request("GET", base + "/q", fields={"a": "b c"})))
    told("multipart", lambda: pool.request("POST", base + "/m", fields={"a": "b"}, multipart_boundary="x").status)
    told("preload", lambda: b"".join(pool.request("GET", base + "/stream/3", preload_content=False).stream(5)))
    told("redirect", lambda: shown3(pool.request("POST", base + "/redirect?to=/there&status=303", body=b"x")))
    told("refused", lambda: pool.request("GET", CLOSED, retries=1))
    told("timeout", lambda: pool.request("GET", base + "/hang", timeout=0.2, retries=False))
    one = urllib3.connection_from_url(base)
    told("pool", lambda: [one.urlopen("GET", "/one").status, one.num_requests, one.num_connections])
    told("repr", lambda: [repr(one), len(pool.pools), str(one.pool.qsize())])
    told("dropped", dropped)
    one.close()
    told("closed", lambda: one.urlopen("GET", "/one").status)
    pool.clear()


def dropped():
    """A response that nobody reads, after an attempt that failed, gives its socket back as soon as it is dropped."""
    import gc
    import socket
    import threading

    import urllib3

    def answers():
        for answer in (b"HTTP/0.5 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
            accepted = listener.accept()[0]
            accepted.recv(65536)
            accepted.sendall(answer)
            accepted.close()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=answers)
    thread.start()
    gc.disable()
    with urllib3.HTTPConnectionPool(*listener.getsockname()) as pool:
        pool.urlopen("GET", "/", preload_content=False, retries=urllib3.Retry(read=1))
    thread.join()
    listener.close()
    sockets = [thing for thing in gc.get_objects() if isinstance(thing, socket.socket) and thing.fileno() > 0]
    gc.enable()
    return sum(thing.family == socket.AF_INET for thing in sockets)


def with_httpx():
    import httpx

    with httpx.Client() as client:
        told("get", lambda: shown(client.get(base + "/plain?a=1", headers={"X-One": "1"})))
        proof_witness.look("after the first call")
        told("post", lambda: shown(client.post(base + "/form", data={"a": "b"})))
        told("json", lambda: shown(client.put(base + "/json", json={"a": [1, None]})))
        told("redirect", lambda: client.get(base + "/redirect?to=/there", follow_redirects=True).history)
        told("extensions", lambda: sorted(client.get(base).extensions))
        told("refused", lambda: client.get(CLOSED))
        told("timeout", lambda: client.get(base + "/hang", timeout=0.2))
        told("repr", lambda: repr(client._transport._pool))

    import asyncio

    async def several():
        patient()
        async with httpx.AsyncClient() as client:
            answers = await asyncio.gather(*(client.get(base + "/%d" % n) for n in range(3)))
            print("several", [answer.status_code for answer in answers])
            async with client.stream("GET", base + "/stream/3") as response:
                print("stream", b"".join([part async for part in response.aiter_raw()]))
            for url in (CLOSED, base + "/hang"):
                try:
                    await client.get(url, timeout=0.2)
                except httpx.HTTPError as error:
                    print(repr(error), repr(error.__cause__), error.request)

    asyncio.run(several())


def with_aiohttp():
    import asyncio

    import aiohttp

    async def main():
        patient()
        async with aiohttp.ClientSession(headers={"X-Session": "s"}) as session:
            async with session.get(base + "/plain", headers={"X-One": "1"}) as response:
                print("get", response.status, sorted(response.headers), await response.text())
            proof_witness.look("after the first call")
            async with session.post(base + "/json", json={"a": 1}, cookies={"c": "d"}) as response:
                print("post", await response.json(content_type=None))
            async with session.get(base + "/redirect?to=/there") as response:
                print("redirect", response.history, response.url)
            async with session.get(base + "/stream/3") as response:
                print("stream", [part async for part in response.content.iter_any()] != [])
            for url in (CLOSED, base + "/hang", "http://"):
                try:
                    await session.get(url, timeout=aiohttp.ClientTimeout(total=0.2))
                except Exception as error:
                    print(type(error).__qualname__, repr(error), repr(error.__cause__))
            print(session.connector.limit, session.connector.closed)
        tasks = [t.get_name() for t in asyncio.all_tasks()]
        print("tasks", tasks)

    asyncio.run(main())


def with_urllib():
    import urllib.request

    told("get", lambda: urllib.request.urlopen(base + "/plain").read())
    told("post", lambda: dict(urllib.request.urlopen(base + "/form", data=b"a=b").headers))
    for url in (base + "/status/404", CLOSED, "http://"):
        told("error", lambda url=url: urllib.request.urlopen(url).read())
    proof_witness.look("after the first call")


def patient():
    """In debug mode a loop logs each step of more than 0.1 s: on a busy machine that says nothing of the program."""
    import asyncio

    asyncio.get_running_loop().slow_callback_duration = 10


def shown(response):
    return (
        response.status_code,
        response.reason if hasattr(response, "reason") else "",
        sorted(response.headers),
        response.text,
    )


def shown3(response):
    return response.status, sorted(response.headers), response.data, response.geturl(), response.retries


proof_witness.look("before the library")
globals()["with_" + library]()
proof_witness.look("after all")
