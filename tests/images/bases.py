"""The images that the tests build on, without a registry: Debian from its packages, the bundle, the demo's apps."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import Dict

from tests.compat.pythons import find

from .tools import FOLDER, ROOT, alone, build, cannot, need, run

BUNDLE, COPY, COMPANY, DEMO, PLAIN = "meshrun", "meshrun-copy", "company/python", "meshrun-demo", "demo-plain"
"""The last has the demo's apps and no meshrun."""
TREE = FOLDER / "bundle"
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = "base-files,base-passwd,ca-certificates,coreutils,dash,libc-bin,nginx-light,python3,python3-venv"
COPIED = ("passwd", "group")
HOOKS = ['--customize-hook=cp "$1/usr/share/base-passwd/%s.master" "$1/etc/%s"' % (name, name) for name in COPIED]
"""What a package's own script would do, were it run."""
RECIPE = hashlib.sha256(" ".join([SUITE, PACKAGES, *HOOKS]).encode()).hexdigest()[:12]
DEBIAN = "localhost/debian:" + RECIPE
DOCKER = ROOT / "docker"
SECONDS: Dict[str, float] = {}
"""How long each image took that was built in this test run."""


def made() -> None:
    """Build every image that is missing or out of date."""
    need("buildah", "podman", "crun")
    with alone():
        debian()
        wheels()
        bundle()
        for name, target in ((BUNDLE, "bundle"), (COPY, "copy")):
            SECONDS[name] = build(name, DOCKER / "bundle.Dockerfile", TREE, "--target", target, TOOLS=DEBIAN)
        SECONDS[COMPANY] = build(COMPANY, DOCKER / "base.Dockerfile", DOCKER, PYTHON=DEBIAN, MESHRUN=BUNDLE)
        for name, base in ((DEMO, COMPANY), (PLAIN, DEBIAN)):
            SECONDS[name] = build(name, DOCKER / "demo.Dockerfile", ROOT / "examples" / "demo", BASE=base)
        run("podman", "image", "prune", "--force", status=None)  # what earlier runs left behind


def debian() -> None:
    """A Debian with Python and nginx, unpacked from its packages: made once, then kept."""
    if not run("podman", "images", "--quiet", DEBIAN).strip():
        need("mmdebstrap")
        packed = FOLDER / ("debian-%s.tar" % RECIPE)
        if not packed.exists():
            half = FOLDER / "half.tar"
            run("mmdebstrap", "--quiet", "--variant=extract", "--include=" + PACKAGES, *HOOKS, SUITE, half)
            half.rename(packed)
        usual = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        run("podman", "import", "--change", usual, "--change", "CMD python3", packed, DEBIAN)


def wheels() -> None:
    """The packages of the demo for the image's Python, fetched once by pip, and the pip.conf that leads there."""
    folder = FOLDER / "wheels"
    if folder.exists():
        return
    python = find(PYTHON)
    if python is None:
        cannot("there is no Python %s to fetch the packages of the image with" % PYTHON)
    half = FOLDER / "wheels.half"
    shutil.rmtree(str(half), ignore_errors=True)
    asked = ROOT / "examples" / "demo" / "requirements.txt"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "-d", str(half), "-r", str(asked)]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    (FOLDER / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
    half.rename(folder)


def bundle() -> None:
    """The tree that ``meshctl bundle`` writes."""
    run(sys.executable, "-m", "meshrun.cli", "bundle", TREE, "--force", PYTHONPATH=str(ROOT / "agent"))


if __name__ == "__main__":
    made()
    for name, seconds in SECONDS.items():
        sys.stdout.write("%-16s %6.1f s\n" % (name, seconds))
