"""The event loop of a server that runs on asyncio or on trio, in the words of asyncio."""

from __future__ import annotations

from typing import Any, Callable

from meshrun import hook


class _Trio:
    """The run of trio that this is made in, as a loop of asyncio's kind."""

    __slots__ = ("call_soon_threadsafe",)

    def __init__(self) -> None:
        from trio.lowlevel import current_trio_token

        self.call_soon_threadsafe = current_trio_token().run_sync_soon

    def call_later(self, delay: float, function: Callable[[], object]) -> None:
        from trio.lowlevel import spawn_system_task

        spawn_system_task(self._later, delay, function)

    @hook.guarded()
    async def _later(self, delay: float, function: Callable[[], object]) -> None:
        from trio import sleep

        await sleep(delay)
        function()


def running_loop() -> Any:
    """The loop of asyncio that runs here, or else the run of trio."""
    from asyncio import _get_running_loop

    return _get_running_loop() or _Trio()
