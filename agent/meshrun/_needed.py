"""PyYAML: the app's where it has one, else the one that was delivered with meshrun, which the app then does not see.

An app that asks whether there is a ``yaml`` gets the answer that it would get without meshrun, also after meshrun has
loaded its own.
"""

from __future__ import annotations

import sys

import yaml

__all__ = ["yaml"]

# The boot file marks what it found where the app does not look.
if getattr(yaml.__spec__, "loader_state", None) == "meshrun":
    for _name in [name for name in sys.modules if name == "yaml" or name.startswith("yaml.")]:
        del sys.modules[_name]
