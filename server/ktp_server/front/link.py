"""What the supervisor and its worker processes tell each other, over a pipe between the two."""

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection

__all__ = ["Failed", "Heartbeat", "Message", "WholeServer", "receive"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """From a worker, every second: it answers calls, and its event loop runs."""


@dataclass(frozen=True, slots=True)
class Failed:
    """From a worker: it cannot start.

    Attributes:
        reason: one plain sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class WholeServer:
    """To a worker: how the server as a whole is, which is what health checks ask for.

    Attributes:
        ready: whether every worker answers calls.
    """

    ready: bool


Message = Heartbeat | Failed | WholeServer


async def receive(connection: Connection) -> Message:
    """Wait for the next message.

    Args:
        connection: this side's end of the pipe.

    Raises:
        EOFError: the other process has ended.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection.fileno())
    try:
        message: Message = connection.recv()
    except OSError as error:
        raise EOFError from error
    return message
