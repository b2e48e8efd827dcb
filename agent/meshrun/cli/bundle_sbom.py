"""The list of what a bundle holds: CycloneDX 1.5, JSON, without anything that two builds would not have in common."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

from .. import __version__
from .bundle_pins import PINS, Pin


def text() -> str:
    """The document."""
    own: Dict[str, Any] = {
        "type": "application",
        "bom-ref": "pkg:pypi/meshrun@" + __version__,
        "name": "meshrun",
        "version": __version__,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": "pkg:pypi/meshrun@" + __version__,
    }
    components = [_component(pin) for pin in PINS]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
        "dependencies": [{"ref": own["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(pin: Pin) -> Mapping[str, Any]:
    """A release; the hash is that of the wheel whose Python files are in ``deps``."""
    purl = "pkg:pypi/%s@%s" % (pin.name.lower(), pin.version)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": pin.name,
        "version": pin.version,
        "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
        "licenses": [{"license": {"id": pin.licence}}],
        "purl": purl,
        "properties": [{"name": "meshrun:taken-from", "value": pin.wheel}],
    }
