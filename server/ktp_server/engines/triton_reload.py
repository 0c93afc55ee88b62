"""Has models loaded anew whose process died: Triton itself starts no other one."""

import logging

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ktp_server.engines.triton_errors import is_model_control_refused

__all__ = ["ModelReloader"]

UNLOAD_DEADLINE_S = 5.0
LOAD_DEADLINE_S = 60.0

logger = logging.getLogger(__name__)


class ModelReloader:
    """Reloads models of one server; only those that a probe has found dead, never one that somebody unloaded."""

    def __init__(self, address: str, client: InferenceServerClient) -> None:
        self._address = address
        self._client = client
        self._dead: set[str] = set()
        self._is_refused = False

    def note_dead(self, model: str) -> None:
        """A model's process is gone."""
        self._dead.add(model)

    def note_all_alive(self) -> None:
        """Every model answers; somebody else may have loaded them."""
        self._dead.clear()

    async def reload_dead(self) -> None:
        """Ask for fresh processes; what fails is tried again the next time, unless clients may not load models."""
        for model in sorted(self._dead):
            if self._is_refused:
                return
            try:
                # Loading alone changes nothing: the server takes the dead model for a loaded one.
                await self._client.unload_model(model, client_timeout=UNLOAD_DEADLINE_S)
                await self._client.load_model(model, client_timeout=LOAD_DEADLINE_S)
            except InferenceServerException as error:
                self._is_refused = is_model_control_refused(error)
                logger.warning("Triton at %s did not load %s anew: %s", self._address, model, error.message())
                continue
            self._dead.discard(model)
            logger.warning("Triton at %s has loaded %s anew, whose process was gone", self._address, model)
