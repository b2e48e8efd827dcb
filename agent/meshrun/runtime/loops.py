"""Which threads, tasks and greenlets serve more than the request that started them, by the code that they run.

A pool's worker or a scheduler's loop that is started lazily, by whoever comes first, would keep that request's colour
for everything that it ever does. Whether a function of the app ends cannot be known: those are taken for work of the
request.
"""

from __future__ import annotations

from functools import partial
from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

POOL, LOOP = "pool", "loop"

_POOLS = (
    "anyio", "billiard", "concurrent.futures", "eventlet.tpool", "gevent.threadpool", "multiprocessing.managers",
    "multiprocessing.pool", "multiprocessing.queues", "multiprocessing.resource_sharer", "tornado.wsgi", "trio",
)  # fmt: skip
"""Modules whose threads and processes work for others: each task, message or connection has a colour of its own."""

_LOOPS = (
    "UnleashClient", "aio_pika", "aiokafka", "amqp", "apscheduler", "azure.eventhub", "azure.servicebus",
    "celery.beat", "celery.concurrency", "celery.utils.timer2", "celery.worker", "cheroot", "cherrypy",
    "confluent_kafka", "consul", "datadog.dogstatsd", "datadog.threadstats", "ddtrace.internal", "ddtrace.profiling",
    "django.utils.autoreload", "dramatiq", "elasticapm.transport", "elasticapm.utils", "etcd3", "flask.app",
    "google.api_core", "google.cloud", "grpc", "gunicorn", "http.server", "huey", "hypercorn", "kafka", "kazoo",
    "kombu", "kubernetes.leaderelection", "ldclient", "logging.handlers", "nacos", "nats", "newrelic.core",
    "opentelemetry.exporter", "opentelemetry.sdk", "paho", "pika", "posthog", "prometheus_client", "psycopg_pool",
    "pulsar", "pymongo", "redis", "rocketmq", "rq", "sched", "schedule", "sentry_sdk.metrics", "sentry_sdk.monitor",
    "sentry_sdk.profiler", "sentry_sdk.sessions", "sentry_sdk.transport", "sentry_sdk.worker", "skywalking.agent",
    "socketserver", "statsd", "stomp", "tornado", "twisted", "uvicorn", "valkey", "waitress", "watchdog",
    "watchfiles", "websocket", "werkzeug", "wsgiref", "xmlrpc.server", "zmq",
)  # fmt: skip
"""Packages whose threads run until the process ends: servers, consumers, schedulers. Of other agents only what runs
for themselves: their wrappers round functions of the app carry their package's name too."""

_NAMES = frozenset(("run_forever", "serve_forever", "start_consuming", "start_polling"))
"""What such a function is called wherever it lives: of an event loop written in C, of a subclass in the app."""

_FUNCTIONS = frozenset(("function", "cython_function_or_method", "builtin_function_or_method", "method_descriptor"))
"""Types that may be asked for name and module. Anything else that can be called may answer to any name, and says
nothing about how long the call lasts."""

_KNOWN = dict.fromkeys(_POOLS, POOL)
_KNOWN.update(dict.fromkeys(_LOOPS, LOOP))


def known(function: Any, kind: Optional[type]) -> Optional[str]:
    """`POOL` or `LOOP`; None: work of the request. `kind`: the class whose own method runs where `function` is None."""
    if function is None:
        return None if kind is None else _of_module(kind.__module__)
    for _ in range(4):
        if type(function) is partial:
            function = function.func
    if type(function) is MethodType:
        function = function.__func__
    if type(function).__name__ not in _FUNCTIONS:
        return None
    return LOOP if function.__name__ in _NAMES else _of_module(function.__module__)


def _of_module(name: Optional[str]) -> Optional[str]:
    """By the longest prefix in the table."""
    while name:
        found = _KNOWN.get(name)
        if found is not None:
            return found
        name = name.rpartition(".")[0]
    return None
