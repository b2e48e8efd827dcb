"""The table of libraries whose own tests ship with their distributions and run without a network.

Versions are pinned, so that a run that differs tomorrow differs because of us. One line more = one library more.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Mapping, NamedTuple, Tuple


class Recipe(NamedTuple):
    """How a library's own tests are run.

    `packages`: what is installed, parted by blanks, first the library, whose source distribution holds the tests
    unless they are `shipped` in the installed package; none: Python itself, with its own runner. `tests`: files and
    folders of tests, or names of modules. `least`: as many pass bare, or the run proves nothing. `away`: folder of the
    source distribution that would stand in front of what is installed. `arguments`: for pytest. `ci`: part of CI, in
    the environment that all of these share. `minutes`: a run that takes longer is ended. `port`: on which tests listen,
    come what may. `coloured`: part of a test's name -> why it must change where every request has a colour.
    """

    name: str
    packages: str
    tests: str
    least: int
    away: str = ""
    arguments: Tuple[str, ...] = ()
    shipped: bool = False
    ci: bool = False
    minutes: float = 5.0
    port: int = 0
    coloured: Mapping[str, str] = MappingProxyType({})


_NO_OPTIONS = ("-o", "addopts=")
"""Their own options ask for coverage, or for more processes than a comparison can use."""

_UVICORN = (
    "uvicorn[standard]==0.54.0 pytest==8.4.2 pytest-mock==3.15.1 trustme==1.2.1 cryptography httpx2 httpx==0.28.1 "
    "a2wsgi==1.10.10 wsproto==1.3.2"
)

_TABLE = (
    Recipe(
        "uvicorn", _UVICORN, "tests", 400, away="uvicorn",
        arguments=(*_NO_OPTIONS, "--ignore=tests/benchmarks", "--ignore=tests/supervisors/test_reload.py"), ci=True,
        port=8000,
        coloured=MappingProxyType({"test_reset_contextvars_asyncio": "lists its context, where the colour is"}),
    ),
    Recipe(
        "cpython", "", "test_threading test_thread test_context test_fork1 test_site test_import test_httplib "
        "test_urllib test_urllib2 test_urllib2_localnet test_httpservers test_inspect test_warnings test_traceback "
        "test_runpy test_pkgutil test_zipimport test_atexit test_gc test_sys test_sched test_contextlib",
        1500, ci=True,
    ),
    Recipe("flask", "flask==3.1.3 asgiref greenlet pytest==8.4.2 python-dotenv", "tests", 480, ci=True),
    Recipe(
        # The reloader's tests wait for a change of a file that some file systems never tell.
        "werkzeug", "werkzeug==3.1.9 cffi cryptography ephemeral-port-reserve pytest==8.4.2 pytest-timeout watchdog",
        "tests", 950, arguments=("-k", "not reloader"), ci=True,
    ),
    Recipe(
        "httpcore", "httpcore[asyncio,http2,socks,trio]==1.0.9 pytest==8.4.2 pytest-httpbin==2.1.0 pytest-trio trio "
        "trustme==1.2.1", "tests", 200, away="httpcore", ci=True,
    ),
    Recipe(
        "httpx", "httpx[brotli,cli,http2,socks,zstd]==0.28.1 chardet pytest==8.4.2 trio trustme==1.2.1 "
        "uvicorn==0.54.0 cryptography", "tests", 1350, away="httpx", ci=True, port=8000,
    ),
    Recipe("uvicorn-reload", _UVICORN, "tests/supervisors/test_reload.py", 20, away="uvicorn", arguments=_NO_OPTIONS),
    Recipe(
        "requests", "requests[socks]==2.34.2 pytest==8.4.2 pytest-httpbin==2.1.0 pytest-mock==3.15.1 trustme==1.2.1",
        "tests", 600,
    ),
    Recipe(
        # One test hangs where its three calls begin in the wrong order: a failure there leaves a lock held.
        "urllib3", "urllib3==2.8.0 anyio[trio]==4.16.0 h2==4.4.1 httpx==0.28.1 hypercorn==0.18.0 pysocks==1.7.1 "
        "pytest==9.2.0 pytest-socket pytest-timeout quart quart-trio trio cryptography idna pyopenssl trustme==1.2.1",
        "test", 1000,
        arguments=("--ignore=test/contrib/emscripten", "-k", "not probe_blocked_per_thread"), minutes=15,
    ),
    Recipe(
        # Tests of resolvers ask a name server.
        "aiohttp", "aiohttp[speedups]==3.14.5 freezegun proxy.py>=2.4.4rc5 pytest==9.2.0 pytest-mock==3.15.1 "
        "pytest-timeout pytest-xdist==3.8.0 blockbuster isal trustme==1.2.1 zlib_ng pytest-codspeed pytest-cov "
        "python-on-whales", "tests", 2000, away="aiohttp",
        arguments=(*_NO_OPTIONS, "--ignore=tests/autobahn", "--ignore=tests/test_resolver.py"),
        minutes=15,
    ),
    Recipe(
        "starlette", "starlette[full]==1.10.0 httpx==0.28.1 httpx2 pytest==9.2.0 trio blockbuster opentelemetry-sdk",
        "tests", 1300, away="starlette",
    ),
    Recipe(
        "gunicorn", "gunicorn==27.0.1 gevent h2 packaging pytest==9.2.0 pytest-asyncio uvloop httpx[http2] inotify",
        "tests", 400, away="gunicorn", arguments=(*_NO_OPTIONS, "--ignore=tests/docker"), minutes=10,
    ),
    Recipe("tornado", "tornado==6.6.1 pytest==9.2.0", "tornado.test", 500, shipped=True, minutes=10),
    Recipe(
        "anyio", "anyio[trio]==4.16.0 blockbuster hypothesis psutil pytest==9.2.0 pytest-mock==3.15.1 pytest-timeout "
        "trustme==1.2.1 truststore uvloop exceptiongroup", "tests", 500, minutes=10,
    ),
    Recipe(
        "hypercorn", "hypercorn==0.18.0 httpx hypothesis mock pytest==8.4.2 pytest-asyncio pytest-trio trio", "tests",
        50, arguments=_NO_OPTIONS,
    ),
    Recipe("itsdangerous", "itsdangerous==2.2.0 pytest==8.4.2 freezegun", "tests", 250, ci=True),
    Recipe("click", "click==8.5.1 pytest==9.2.0", "tests", 500),
    Recipe("jinja2", "jinja2==3.1.6 pytest==9.2.0 trio", "tests", 500),
    Recipe("attrs", "attrs==26.1.0 cloudpickle hypothesis pympler pytest==9.2.0", "tests", 1000),
    Recipe(
        "cpython-more", "", "test_signal test_socket test_asyncio test_subprocess test_importlib "
        "test_logging test_queue test_pickle test_weakref test_unittest test_ssl test_os test_posix", 3000, minutes=30,
    ),
)  # fmt: skip

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _TABLE})
