"""New templates for a running server: read beside the work, swapped in one step, or not at all."""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.tables import TemplateError

__all__ = ["KnowledgeHolder", "TemplateReloader"]

logger = logging.getLogger(__name__)


class KnowledgeHolder(Protocol):
    """What reads cards by lists that can be exchanged."""

    def swap_knowledge(self, knowledge: CardKnowledge) -> None:
        """Read by these lists from now on."""
        ...


class TemplateReloader:
    """Reads the templates anew whenever it is asked, one reading at a time."""

    def __init__(self, holder: KnowledgeHolder, folder: Path | None) -> None:
        """Bind a reader to a folder.

        Args:
            holder: reads cards.
            folder: the user's tables; None for the bundled ones alone.
        """
        self._holder = holder
        self._folder = folder
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[bool]] = set()

    def request(self) -> None:
        """Start reading; a signal handler may call this from the event loop."""
        task = asyncio.get_running_loop().create_task(self.reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self) -> bool:
        """Read the tables and swap them in; on a mistake keep the old ones and log it.

        Returns:
            Whether the new tables are in use.
        """
        async with self._lock:
            try:
                knowledge = await asyncio.to_thread(CardKnowledge.open, self._folder)
            except TemplateError as error:
                logger.error("the templates stay as they were: %s", error)  # noqa: TRY400 - the message says it all
                return False
            self._holder.swap_knowledge(knowledge)
        logger.info("templates read anew from %s", self._folder or "the installation")
        return True
