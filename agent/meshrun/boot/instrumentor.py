"""The door of ``opentelemetry-instrument``: what its entry point group ``opentelemetry_instrumentor`` names.

It is called inside OpenTelemetry's ``sitecustomize``, which runs no other one, and where an instrumentor that raises
takes all later ones with it. Nothing of OpenTelemetry is imported here: what is asked of an instrumentor is that it
can be called so.
"""

from __future__ import annotations

import sys

from . import guard, launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence


class MeshrunInstrumentor:
    """Starts meshrun where ``MESHRUN_ENABLED`` is set, once: behind another open door it does nothing."""

    def instrument(self, **_options: Any) -> None:
        """Run the boot file of this installation, as its folder on ``PYTHONPATH`` would. Never raises."""
        guard.attempt("opentelemetry-instrument", _run_boot_file)

    def uninstrument(self, **_options: Any) -> None:
        """Nothing: another door may be open as well. ``meshctl mode dormant`` takes every seam out."""

    def instrumentation_dependencies(self) -> Sequence[str]:
        """No library needs to be there: each hook waits for its own."""
        return ()


def _run_boot_file() -> None:
    import _frozen_importlib  # noqa: PLC0415 - only where this door is used
    from _frozen_importlib_external import spec_from_file_location  # noqa: PLC0415 - as above

    folder = launcher.boot_folder()
    if folder is None:
        raise FileNotFoundError("the boot folder of this installation is missing")
    name = "_meshrun_boot"  # by which the file knows that it is not the interpreter's sitecustomize
    try:
        _frozen_importlib._load(  # type: ignore[attr-defined]  # noqa: SLF001 - `importlib` may not be loaded yet
            spec_from_file_location(name, folder + "/sitecustomize.py")
        )
    finally:
        sys.modules.pop(name, None)
