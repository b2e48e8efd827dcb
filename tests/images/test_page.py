"""What docs/image.md shows works as it is shown, from the bundle to the whole shop behind nginx."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import requests
import yaml

from tests.compat.environments import needed
from tests.contract.ports import free_port
from tests.contract.running import until
from tests.images import bases
from tests.images.tools import BUILD, ROOT, alone, run

pytestmark = pytest.mark.slow
TEXT = (ROOT / "docs" / "image.md").read_text(encoding="utf-8")
COMPOSE = "docker compose -f docker/compose.yaml"
DOCKER = """#!/bin/sh
case "$1" in
build) shift; exec buildah bud {build} --build-arg PYTHON={debian} --build-arg TOOLS={debian} "$@" ;;
compose) shift; exec {compose} "$@" ;;
*) exec podman "$@" ;;
esac
"""


class Reader:
    """Somebody who types what the page shows, with ``docker`` and ``meshctl`` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = str(free_port())
        compose = Path(needed("compose", sys.executable, ["podman-compose"])).parent / "podman-compose"
        programs = folder / "bin"
        programs.mkdir()
        self._program("docker", DOCKER.format(build=" ".join(BUILD), debian=bases.DEBIAN, compose=compose))
        command = '#!/bin/sh\nPYTHONPATH=%s exec %s -m meshrun.cli "$@"\n'
        self._program("meshctl", command % (ROOT / "agent", sys.executable))
        for name in ("docker", "examples"):
            (folder / name).symlink_to(ROOT / name)
        self.environ: Dict[str, Any] = {
            "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
            "COMPOSE_PROJECT_NAME": "meshrun-page-%d" % os.getpid(),
            "EDGE_PORT": "127.0.0.1:" + self.port,
            "NGINX_IMAGE": bases.DEBIAN,
        }

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def type(self, line: str) -> str:
        """Type one line; what it printed. It has to succeed."""
        line = line.replace("localhost:8080", "127.0.0.1:" + self.port)
        return run("sh", "-c", "cd %s && %s" % (self.folder, line), **self.environ)


@pytest.fixture
def reader(images: None, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    try:
        yield made
    finally:
        made.type(COMPOSE + " down --volumes --timeout 1 || true")


def lines() -> List[str]:
    """All command lines of the page."""
    return [line.strip()[2:] for line in TEXT.splitlines() if line.strip().startswith("$ ")]


def path(printed: str) -> str:
    found: List[str] = json.loads(printed[printed.index("{") :])["path"]
    return " > ".join(found)


def test_the_page_shows_what_works(reader: Reader) -> None:
    shown = lines()
    up = shown.index(COMPOSE + " up -d")
    with alone():
        for line in shown[:up]:
            reader.type(line)
    reader.type(shown[up])
    until(lambda: len(_instances(reader)) == 6, lambda: reader.type(COMPOSE + " logs 2>&1"))
    reader.type("podman healthcheck run ${COMPOSE_PROJECT_NAME}_web_1")
    assert "orders" in reader.type(shown[up + 1])
    assert path(reader.type(shown[up + 2])).startswith("web ")
    assert path(reader.type(shown[up + 3])) == "web gray > orders gray > stock gray"
    found = [requests.get("http://127.0.0.1:%s/" % reader.port, timeout=30).json()["path"] for _ in range(300)]
    whole = {" > ".join(names) for names in found}
    assert whole == {"web gray > orders gray > stock gray", "web baseline > orders baseline > stock baseline"}
    assert 8 <= sum("gray" in names[0] for names in found) <= 55  # 30 expected; beyond four standard deviations
    reader.type(shown[up + 4])
    assert path(reader.type(shown[up + 5])) == "web baseline > orders gray > stock gray"
    for line in shown[up + 6 :]:
        reader.type(line)


def _instances(reader: Reader) -> Any:
    said = reader.type(COMPOSE + " exec -T web meshctl status -o json || true")
    return json.loads(said[said.index("{") :])["instances"] if "{" in said else []


def test_the_texts_for_kubernetes_fit_the_images_and_each_other() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    read = [document for block in blocks for document in _documents(block)]
    environ = {entry["name"]: entry["value"] for part in read for entry in part.get("env", [])}
    mounts: Dict[str, Any] = {}
    for part in read:
        for mount in part.get("volumeMounts", []):
            mounts[mount["mountPath"]] = mount
    assert environ["PYTHONPATH"] == "/opt/meshrun/boot"
    assert set(mounts) == {"/opt/meshrun"}
    [copying] = [part["initContainers"][0] for part in read if "initContainers" in part]
    assert copying["volumeMounts"] == [{"name": "meshrun", "mountPath": "/target"}]
    assert mounts["/opt/meshrun"]["subPath"] == "meshrun"
    file = (ROOT / "docker" / "bundle.Dockerfile").read_text(encoding="utf-8")
    assert "cd /target" in file
    assert "mv .meshrun meshrun" in file


def _documents(block: str) -> List[Any]:
    """A block shows parts of several containers, each under a comment of its own."""
    indent = len(block) - len(block.lstrip(" "))
    text = "\n".join(line[indent:] for line in block.splitlines())
    parts = re.split(r"^# of .*$", text, flags=re.MULTILINE)
    return [yaml.safe_load(part) for part in parts if part.strip()]
