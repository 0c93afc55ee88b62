"""A caller that speaks HTTP/2 by hand, to do what no gRPC client would: send a request byte by byte, or half of one."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4


@dataclass(frozen=True)
class Frame:
    """One frame. Source: RFC 9113, section 4.1."""

    kind: int
    flags: int
    stream: int
    payload: bytes = b""

    def encode(self) -> bytes:
        return (
            struct.pack(">I", len(self.payload))[1:]
            + struct.pack(">BBI", self.kind, self.flags, self.stream)
            + self.payload
        )


@dataclass(frozen=True)
class RawConnection:
    """A connection on which frames are written and read one by one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, frame: Frame) -> None:
        self.writer.write(frame.encode())
        await self.writer.drain()

    async def call(self, method: str, stream: int = 1) -> None:
        """Open a call; its message is the sender's to send."""
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "test",
            "content-type": "application/grpc",
            "te": "trailers",
        }
        # Literal fields without indexing. Source: RFC 7541, section 6.2.2.
        block = b"".join(b"\x00" + _literal(name) + _literal(value) for name, value in headers.items())
        await self.send(Frame(HEADERS, END_HEADERS, stream, block))

    async def receive(self) -> Frame:
        """The next frame that belongs to a call."""
        while True:
            frame = await self.receive_any()
            if frame.stream:
                return frame

    async def receive_of(self, kind: int) -> Frame:
        """The next frame of a kind; what comes before it is dropped."""
        while True:
            frame = await self.receive_any()
            if frame.kind == kind:
                return frame

    async def receive_any(self) -> Frame:
        """The next frame; the connection's settings are acknowledged."""
        head = await self.reader.readexactly(9)
        length = int.from_bytes(head[:3])
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        frame = Frame(kind, flags, stream, await self.reader.readexactly(length))
        if frame.kind == SETTINGS and not frame.flags & ACK:
            await self.send(Frame(SETTINGS, ACK, 0))
        return frame

    async def ended(self, stream: int = 1) -> bytes:
        """Wait until the server ends a call; what it had sent on it by then."""
        received = b""
        while True:
            frame = await self.receive()
            if frame.stream == stream:
                received += frame.payload
                if frame.kind == RST_STREAM or frame.flags & END_STREAM:
                    return received


@asynccontextmanager
async def connect_raw(port: int) -> AsyncIterator[RawConnection]:
    """Open a connection and greet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(PREFACE + Frame(SETTINGS, 0, 0).encode())
        await writer.drain()
        yield RawConnection(reader, writer)
    finally:
        writer.close()


def message_prefix(size: int) -> bytes:
    """What stands before a message of so many bytes. Source: gRPC over HTTP2, Length-Prefixed-Message."""
    return b"\x00" + struct.pack(">I", size)


def _literal(text: str) -> bytes:
    """A string of fewer than 127 bytes, without Huffman coding. Source: RFC 7541, section 5.2."""
    return bytes([len(text)]) + text.encode()
