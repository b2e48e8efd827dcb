"""What the command of uWSGI says about where it will serve."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Tuple

import pytest

from meshrun.boot import uwsgi

Found = Optional[Tuple[str, int, Optional[float], bool]]


def found(command: str, environ: Optional[Dict[str, str]] = None) -> Found:
    site = uwsgi.site(["uwsgi", *command.split()], environ or {})
    return (site.address, site.port, site.keepalive, site.ends) if site is not None else None


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("uwsgi", True),
        ("/usr/bin/uwsgi", True),
        ("pyuwsgi", True),
        ("uwsgi_python3", True),
        ("uwsgi-core", True),
        ("uwsgitop", False),
        ("uwsgi_exporter", False),
        ("python", False),
    ],
)
def test_names_of_it(command: str, meant: bool) -> None:
    assert uwsgi.is_meant([command, "--http", ":8000"]) is meant


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("--http-socket 127.0.0.1:8000", ("127.0.0.1", 8000, 0.0, False)),
        ("--http-socket=:8000 --die-on-term", ("", 8000, 0.0, True)),
        ("--http_socket=:8000 --die-on-term=false", ("", 8000, 0.0, False)),
        ("--http *:8000", ("", 8000, 0.0, False)),
        ("--http :8000 --http-keepalive", ("", 8000, None, False)),
        ("--http-keepalive --http :8000", ("", 8000, None, False)),
        ("--http-keepalive 5 --http :8000", ("", 8000, None, False)),
        ("--http11-socket [::1]:8000", ("::1", 8000, 4.0, False)),
        ("--http11-socket :8000 -z 30", ("", 8000, 30.0, False)),
        ("--socket :8000", ("", 0, None, False)),
        ("-s :8000 --protocol http", ("", 8000, 0.0, False)),
        ("--socket :8000 --protocol=http", ("", 8000, 0.0, False)),
        ("--socket :1 --http-socket web.example:8000", ("web.example", 8000, 0.0, False)),
        ("--http-socket :8000 --http-socket :8001", ("", 8000, 0.0, False)),
        ("--http-socket /run/web.sock", ("", 0, None, False)),
        ("--http-socket /run/a:8000", ("", 0, None, False)),
        ("--http-socket :0", ("", 0, None, False)),
        ("--http-socket :70000", ("", 0, None, False)),
        ("--http-socket", ("", 0, None, False)),
        ("--http-socket %(port):8000", ("", 0, None, False)),
        ("--http-socket :$(PORT)", ("", 0, None, False)),
        ("--https :8443,a.crt,a.key", ("", 0, None, False)),
        ("missing.ini", ("", 0, None, False)),
        ("", ("", 0, None, False)),
        ("--http :8000 -d log", None),
        ("--http :8000 --daemonize=log", None),
        ("--emperor vassals", None),
    ],
)
def test_options(command: str, expected: Found) -> None:
    assert found(command) == expected


@pytest.mark.parametrize("words", ["{}", "--ini {}", "--ini={}", "--master {} --processes 2", "{}:uwsgi"])
def test_files(tmp_path: Path, words: str) -> None:
    path = tmp_path / "web.ini"
    path.write_text(
        "http = :1\n[app:main]\nhttp = :2\n[uwsgi]\n# http = :3\n;http = :4\n  http = :8000 \ndie-on-term\nmaster = 1\n"
    )
    assert found(words.format(path)) == ("", 8000, 0.0, True)
    assert found("%s --http-socket :9000" % words.format(path)) == ("", 9000, 0.0, True)
    assert found("%s:other" % path) == ("", 0, None, False)


def test_variables_of_the_environment() -> None:
    environ = {"UWSGI_HTTP_SOCKET": ":8000", "UWSGI_DIE_ON_TERM": "1", "HTTP": ":1"}
    assert found("", environ) == ("", 8000, 0.0, True)
    assert found("--http-socket :9000", environ) == ("", 9000, 0.0, True)
