"""Other agents as they are installed: how each is launched, and what its spans say of the calls of an app."""

from __future__ import annotations

import http.server
import json
import re
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Callable, Counter, Dict, Iterator, List, NamedTuple, Tuple

from tests.contract.packed import unpacked

OTEL = "==0.66b1"
"""One release of all of its parts; left to itself, pip tries for minutes which of them go together."""
REQUIREMENTS = (
    "opentelemetry-distro" + OTEL, "opentelemetry-instrumentation-requests" + OTEL,
    "opentelemetry-instrumentation-urllib3" + OTEL, "opentelemetry-instrumentation-httpx" + OTEL,
    "opentelemetry-instrumentation-aiohttp-client" + OTEL, "opentelemetry-instrumentation-flask" + OTEL,
    "opentelemetry-instrumentation-fastapi" + OTEL, "opentelemetry-instrumentation-threading" + OTEL,
    "ddtrace", "newrelic", "requests", "httpx", "aiohttp", "flask", "fastapi", "gunicorn", "uvicorn", "wrapt>=1.12",
    "pyyaml>=5.3",
)  # fmt: skip
"""Of the one environment that all of them share; what an agent does depends on the libraries that it finds."""


class Span(NamedTuple):
    """One outgoing call as an agent tells it."""

    name: str
    target: str  # URL or host, as far as the agent says


class Agent(ABC):
    """One run of an agent: its settings, and the spans that it gave away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def environ(self) -> Dict[str, str]:
        """Its settings."""

    @abstractmethod
    def calls(self) -> List[Span]:
        """The outgoing calls that it has told so far."""

    def close(self) -> None:  # noqa: B027 -- most need nothing
        """End what it needs in this process."""


class OpenTelemetry(Agent):
    """Prints its spans on stdout, as JSON."""

    def environ(self) -> Dict[str, str]:
        exporters = {"OTEL_%s_EXPORTER" % kind: "none" for kind in ("METRICS", "LOGS")}
        return dict(exporters, OTEL_TRACES_EXPORTER="console", OTEL_BSP_SCHEDULE_DELAY="100", OTEL_SERVICE_NAME="web")

    def calls(self) -> List[Span]:
        said = (self.folder / "out").read_text(encoding="utf-8")
        spans = [span for span in _values(said) if span.get("kind") == "SpanKind.CLIENT"]
        return [Span(span["name"], span["attributes"]["http.url"]) for span in spans]


def _values(text: str) -> Iterator[Dict[str, Any]]:
    """The JSON objects in a text that holds other lines too, and may end in the midst of one."""
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
            yield value
        except ValueError:
            end = place + 1
        place = text.find("{", end)


class Datadog(Agent):
    """Sends its spans to an agent's port, here a server of the test."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        told: List[Span] = []
        self._told = told

        class Intake(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path == "/v0.4/traces":
                    spans = [span for trace in unpacked(body) for span in trace]
                    told.extend(
                        Span(span["name"], span["meta"].get("http.url", span["meta"].get("out.host", "-")))
                        for span in spans
                        if span["meta"].get("span.kind") == "client"
                    )
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_GET = do_PUT  # noqa: N815 -- as above

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as above
                return None

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Intake)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environ(self) -> Dict[str, str]:
        off = ("INSTRUMENTATION_TELEMETRY_ENABLED", "REMOTE_CONFIGURATION_ENABLED", "CRASHTRACKING_ENABLED")
        return dict(
            {"DD_" + name: "0" for name in off},
            DD_TRACE_AGENT_URL="http://127.0.0.1:%d" % self._server.server_port,
            DD_TRACE_API_VERSION="v0.4",
            DD_TRACE_WRITER_INTERVAL_SECONDS="0.1",
            DD_TRACE_URLLIB3_ENABLED="1",  # off by default; its wrapper stands on the very seam of ours
            DD_SERVICE="web",
        )

    def calls(self) -> List[Span]:
        return list(self._told)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class NewRelic(Agent):
    """Talks to nobody in its developer mode; what it would send stands in a log when the program ends."""

    def environ(self) -> Dict[str, str]:
        return {
            "NEW_RELIC_DEVELOPER_MODE": "1",
            "NEW_RELIC_AUDIT_LOG": str(self.folder / "audit"),
            "NEW_RELIC_LOG": str(self.folder / "newrelic"),
            "NEW_RELIC_APP_NAME": "web",
            "NEW_RELIC_LICENSE_KEY": "0" * 40,
            "NEW_RELIC_STARTUP_TIMEOUT": "30",  # else it is registered beside the first requests and misses them
            "NEW_RELIC_DISTRIBUTED_TRACING_ENABLED": "1",
        }

    def calls(self) -> List[Span]:
        path = self.folder / "audit"
        said = path.read_text(encoding="utf-8") if path.exists() else ""
        counts: Counter[Span] = Counter()
        for name, count in re.findall(r"'(External/[^']+)'[^\[]*\[(\d+),", said):
            counts[Span(name, name.split("/")[1])] += int(count)
        return list(counts.elements())


AGENTS: Dict[str, Callable[[Path], Agent]] = {"opentelemetry": OpenTelemetry, "ddtrace": Datadog, "newrelic": NewRelic}
LAUNCHERS: Dict[str, Tuple[str, ...]] = {
    "opentelemetry": ("opentelemetry-instrument",),
    "ddtrace": ("ddtrace-run",),
    "newrelic": ("newrelic-admin", "run-program"),
}
"""The words in front of a command."""
