"""Makes the environment that `make` works in: ``venv.py WHAT [FOLDER]``, WHAT being ``demo`` or ``test``.

Needs a CPython with `venv` and a package index. Runs on any Python, to say which one is needed. The checkout itself is
put on the environment's path by a `.pth` of two plain lines: `pip install -e` would put an import finder there that
loads 35 modules into every Python of the environment, and so hide what meshrun's own start costs.
"""

from __future__ import print_function

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 8)
SCRIPTS = {"meshrun": "meshrun.boot.launcher", "meshctl": "meshrun.cli.main"}
NO_VENV = """This Python cannot make virtual environments: its module %s is missing.
  %s
Install it and run make again:
  Debian, Ubuntu:  apt install python%d.%d-venv      Fedora, RHEL, Alpine: part of the package python3
or name another Python:  make PYTHON=/path/to/python3
or make the folder .venv yourself, by `virtualenv .venv` or `uv venv --seed .venv`."""
NO_INDEX = """The packages could not be installed (pip says why above).
make needs a package index once; a mirror is named by PIP_INDEX_URL=https://...  Run make again when it is reachable."""


def main():
    # type: () -> int
    """Make or complete the environment; 0 if it is ready, 1 with a message that says how to mend it."""
    what, folder = sys.argv[1], os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, ".venv"))
    if sys.version_info < OLDEST:
        print("meshrun needs Python %d.%d or newer; %s is %s." % (OLDEST + (sys.executable, sys.version.split()[0])))
        print("Name another one:  make PYTHON=python3.11")
        return 1
    python = os.path.join(folder, "bin", "python")
    if not _has_pip(python):
        for module in ("venv", "ensurepip"):
            try:
                __import__(module)
            except ImportError as error:
                print(NO_VENV % (module, error, sys.version_info[0], sys.version_info[1]))
                return 1
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", folder])
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call(command + _requirements(what)) != 0:
        print(NO_INDEX)
        return 1
    add_checkout(python)
    for name in ("demo", "test") if what == "test" else ("demo",):
        open(os.path.join(folder, "ready-" + name), "w").close()
    return 0


def _has_pip(python):
    # type: (str) -> bool
    if not os.path.exists(python):
        return False
    with open(os.devnull, "w") as nowhere:
        return subprocess.call([python, "-m", "pip", "--version"], stdout=nowhere, stderr=nowhere) == 0


def _requirements(what):
    # type: (str) -> list[str]
    import configparser

    found = configparser.ConfigParser()
    found.read(os.path.join(ROOT, "setup.cfg"), encoding="utf-8")
    needed = found["options"]["install_requires"].split("\n")
    if what == "test":
        needed += found["options.extras_require"]["test"].split("\n")
    listed = [line for line in needed if line and not line.startswith("#")]
    return listed + ["-r", os.path.join(ROOT, "examples", "demo", "requirements.txt")]


def add_checkout(python):
    # type: (str) -> None
    """Put `agent` and `hooks` on the path of the environment, and the two commands into its `bin`."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.check_output([python, "-c", ask], universal_newlines=True).strip()
    with open(os.path.join(packages, "meshrun-checkout.pth"), "w") as path:
        path.write("%s\n%s\n" % (os.path.join(ROOT, "agent"), os.path.join(ROOT, "hooks")))
    for name, module in SCRIPTS.items():
        script = os.path.join(os.path.dirname(python), name)
        with open(script, "w") as text:
            text.write("#!%s\nimport sys\n\nfrom %s import main\n\nsys.exit(main())\n" % (python, module))
        os.chmod(script, 0o755)


if __name__ == "__main__":
    sys.exit(main())
