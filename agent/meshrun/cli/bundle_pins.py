"""What a bundle holds of others: the exact releases, and the files that they are taken from. Data only.

One set serves CPython 3.8 and newer: of each release the Python files alone are taken, and those are the same in all of
its wheels. A wheel is named even where a source distribution has the same files, since ``pip`` hands that one over only
after it has run its build.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence, Tuple


class Pin(NamedTuple):
    """One release: the package that is taken from the wheel, its licence there, and the wheel itself."""

    name: str
    version: str
    package: str
    licence_file: str
    licence: str  # SPDX identifier
    wheel: str
    sha256: str
    tags: Tuple[str, str, str, str]  # what pip is asked for: platform, implementation, Python version, ABI


PINS: Sequence[Pin] = (
    Pin(
        "PyYAML",
        "6.0.3",
        "yaml",
        "PyYAML-6.0.3.dist-info/LICENSE",
        "MIT",
        "PyYAML-6.0.3-cp38-cp38-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "22ba7cfcad58ef3ecddc7ed1db3409af68d023b7f940da23c6c2a1890976eda6",
        ("manylinux2014_x86_64", "cp", "38", "cp38"),
    ),
    Pin(
        "wrapt",
        "2.0.1",
        "wrapt",
        "wrapt-2.0.1.dist-info/licenses/LICENSE",
        "BSD-2-Clause",
        "wrapt-2.0.1-py3-none-any.whl",
        "4d2ce1bf1a48c5277d7969259232b57645aae5686dba1eaeade39442277afbca",
        ("any", "py", "38", "none"),
    ),
)
