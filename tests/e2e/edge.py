"""nginx at the edge, with the configuration that is delivered, in front of instances of the test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import List, Optional, Sequence

import pytest

from tests.contract.ports import free_port
from tests.contract.running import until

SHIPPED = Path(__file__).resolve().parents[2] / "docker" / "edge" / "nginx.conf"


def nginx() -> str:
    """The program; without it the test is skipped, or fails under ``MESHRUN_CI=1``."""
    found = shutil.which(
        "nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    )
    if found is None:
        text = "nginx is not installed (.ci/image-tools.sh installs it in CI)"
        if os.environ.get("MESHRUN_CI") == "1":
            pytest.fail(text)
        pytest.skip(text)
    return str(found)


class Edge:
    """One nginx; `web` and `gray` are ``address:port``."""

    def __init__(self, folder: Path, web: str, gray: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._program = nginx()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._write(web, gray)
        self._process = subprocess.Popen(self._command("-g", "daemon off;"), stdout=self._log(), stderr=self._log())
        until(self._answers, self.said)

    def point(self, web: str, gray: str) -> None:
        """Name other instances, as an operator does after addresses have changed: without a restart."""
        self._write(web, gray)
        subprocess.run(self._command("-s", "reload"), check=True, capture_output=True)

    def _write(self, web: str, gray: str) -> None:
        text = SHIPPED.read_text(encoding="utf-8")
        here = "%s/" % self.folder
        changes = [("web-gray:8000", gray), ("web:8000", web), ("listen 8080", "listen 127.0.0.1:%d" % self.port)]
        for old, new in [*changes, ("/tmp/", here), ("/dev/stdout", here + "access.log")]:
            assert old in text
            text = text.replace(old, new)
        (self.folder / "nginx.conf").write_text(text, encoding="utf-8")

    def _command(self, *words: str) -> List[str]:
        return [self._program, "-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf"), *words]

    def _log(self) -> int:
        return os.open(str(self.folder / "nginx.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> str:
        """What it wrote on stderr."""
        return (self.folder / "nginx.log").read_text(encoding="utf-8")

    def lanes(self) -> Sequence[str]:
        """What it logged of each request: the lane."""
        lines = (self.folder / "access.log").read_text(encoding="utf-8").splitlines()
        return [line.partition('lane="')[2].partition('"')[0] for line in lines]

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
