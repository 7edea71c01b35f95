"""One aiohttp server on the loopback address. Used by every stand-in and the page; must not serve anything outside."""

from __future__ import annotations

from typing import Final

from aiohttp import web

LOOPBACK: Final = "127.0.0.1"


class Listener:
    """Starts and stops one application. port 0 takes a free port, known after `start`."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self, application: web.Application, port: int = 0) -> str:
        """Listen and return the base address without a final slash. Raises OSError when the port is taken."""
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, LOOPBACK, port).start()
        self._port = int(runner.addresses[0][1])
        return self.url

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`. Raises RuntimeError before `start`."""
        if self._runner is None:
            raise RuntimeError("the listener was not started")
        return f"http://{LOOPBACK}:{self._port}"

    async def stop(self) -> None:
        """Close the socket and every connection; calling it twice is fine."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
