"""Which shared memory a Triton server knows: registered before the first call, unregistered when nobody needs it."""

import asyncio
import time
from collections.abc import Iterable

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ktp_server.engines.shared_memory import Region, is_orphan
from ktp_server.engines.triton_errors import is_out_of_reach, is_region_in_use, is_region_known

__all__ = ["KnownRegions"]

UNREGISTER_DEADLINE_S = 2.0
CLOSING_TIME_S = 3.0
"""How long executions that nobody waits for may keep the end waiting; longer ones keep their memory registered."""
PAUSE_S = 0.05


class KnownRegions:
    """The regions of one server, by name."""

    def __init__(self, client: InferenceServerClient) -> None:
        self._client = client
        self._known: set[str] = set()
        self._left: set[str] = set()

    async def introduce(self, regions: Iterable[Region], deadline_s: float | None) -> None:
        """Make regions known to the server, in the time of the call that needs them: a busy server takes its time.

        Args:
            regions: what the call reads or writes.
            deadline_s: moment on the monotonic clock after which nobody waits any more; None for no limit.

        Raises:
            InferenceServerException: it cannot open one (it does not run on this host), or there was no answer.
        """
        for region in regions:
            if region.name in self._known:
                continue
            # Noted first: a registration that is cut off may still have reached the server.
            self._known.add(region.name)
            try:
                await self._client.register_system_shared_memory(
                    region.name,
                    f"/{region.name}",
                    region.size_bytes,
                    client_timeout=None if deadline_s is None else max(0.0, deadline_s - time.monotonic()),
                )
            except InferenceServerException as error:
                if is_region_known(error):
                    continue
                if not is_out_of_reach(error):
                    self._known.discard(region.name)
                raise

    def forget(self, region: Region) -> None:
        """The server may not know a region any more."""
        self._known.discard(region.name)

    def forget_all(self) -> None:
        """The server was started anew and knows no region."""
        self._known.clear()

    async def release_orphans(self, deadline_s: float) -> None:
        """Have the regions of front ends that were killed left to the next sweeps: the server keeps their memory.

        Args:
            deadline_s: moment on the monotonic clock after which nobody waits any more.

        Raises:
            InferenceServerException: there was no answer.
        """
        status = await self._client.get_system_shared_memory_status(
            client_timeout=max(0.0, deadline_s - time.monotonic())
        )
        self._left.update(name for name in status.regions if is_orphan(name))

    def leave(self, regions: Iterable[Region]) -> None:
        """Have regions unregistered by the next sweeps."""
        for region in regions:
            if region.name in self._known:
                self._known.discard(region.name)
                self._left.add(region.name)

    async def sweep(self) -> bool:
        """Unregister what was left; what an execution uses, and all of a server out of reach, waits for another time.

        Triton refuses to unregister a region that an execution reads or writes. Source: Triton 2.51, shared memory.

        Returns:
            Whether the server could be spoken to.
        """
        for name in sorted(self._left):
            try:
                await self._client.unregister_system_shared_memory(name, client_timeout=UNREGISTER_DEADLINE_S)
            except InferenceServerException as error:
                if is_out_of_reach(error):
                    return False
                if is_region_in_use(error):
                    continue
            self._left.discard(name)
        return True

    async def close(self) -> None:
        """Unregister every region, as far as the server allows in a short time."""
        self._left |= self._known
        self._known.clear()
        latest_s = time.monotonic() + CLOSING_TIME_S
        while True:
            is_in_reach = await self.sweep()
            if not is_in_reach or not self._left or time.monotonic() >= latest_s:
                return
            await asyncio.sleep(PAUSE_S)
