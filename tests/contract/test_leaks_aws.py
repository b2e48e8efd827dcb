"""Requests that are signed (AWS Signature Version 4), by the real botocore and requests: not a byte of them changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, List, Mapping, Tuple

import pytest

from tests.compat.environments import needed
from tests.contract.client_base import GRAY
from tests.contract.mesh import MAX_SECONDS, ROOT, Mesh, _environ, mesh
from tests.contract.servers import Echo

APP = Path(__file__).resolve().parent / "apps" / "aws.py"
PACKAGES = ("botocore", "requests", "pyyaml", "wrapt")
OURS = (b"x-meshrun-caller", b"baggage", b"x-polaris-metadata-transitive-lane")

pytestmark = [pytest.mark.slow, pytest.mark.once]  # the libraries are those of its own environment


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has botocore."""
    return needed("aws", sys.executable, PACKAGES)


def _run(python: str, made: Mesh, server: Echo, url: str, env: Mapping[str, str]) -> Tuple[str, List[Any]]:
    """What the app said, and what was on the wire."""
    server.seen.clear()
    fixed = dict(env, AWS_EC2_METADATA_DISABLED="true", PYTHONHASHSEED="0")  # botocore's user agent lists a set
    done = subprocess.run(
        [python, str(APP), url], cwd=str(ROOT), env=fixed, timeout=MAX_SECONDS, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, [(seen.connection, seen.head, seen.body) for seen in server.seen]


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_signed_request_out_of_the_mesh_is_byte_for_byte_that_of_the_bare_app(
    python: str, tmp_path: Path, mode: str
) -> None:
    with mesh(tmp_path) as made:
        made.service("orders")
        server = made.server()
        for host in ("s3.eu-west-1.example", "orders.evil.example"):
            url = "http://%s:%d" % (host, server.port)
            said, bare = _run(python, made, server, url, _environ())
            assert len(bare) == 10  # S3's client wants XML, which it does not get; that is said alike
            env = dict(made._env(door=True), MESHRUN_MODE=mode, **GRAY)
            again, seen = _run(python, made, server, url, env)
            assert again == said
            first = seen[0][0] - bare[0][0]  # connections are counted on
            assert [(number - first, head, body) for number, head, body in seen] == bare
            assert sum(b"AWS4-HMAC-SHA256" in head for _, head, _ in seen) == 10


def test_a_signed_request_to_a_service_keeps_its_signature_and_what_it_covers(python: str, tmp_path: Path) -> None:
    """Ours come after the signature and are no part of it; botocore's own connections take part in the mesh."""
    with mesh(tmp_path) as made:
        (server,) = made.service("minio")
        url = "http://minio:%d" % server.port
        said, bare = _run(python, made, server, url, _environ())
        again, seen = _run(python, made, server, url, dict(made._env(door=True), **GRAY))
        assert (again, len(seen)) == (said, 10)
        for (_, as_bare, body), (_, head, same) in zip(bare, seen):
            lines, plain = head.split(b"\r\n"), as_bare.split(b"\r\n")
            added = [line for line in lines if line not in plain]
            assert {line.split(b":")[0].lower() for line in added} == set(OURS)
            assert [line for line in lines if line.split(b":")[0].lower() not in OURS] == [
                line for line in plain if line.split(b":")[0].lower() not in OURS
            ]
            assert same == body
            signed = b"".join(line for line in lines if line.startswith(b"Authorization"))
            assert not any(name in signed for name in OURS[::2])
