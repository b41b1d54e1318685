"""Many large bodies on their way to a server at once, all but their last byte."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tests.data_plane.receiving import PIPELINE_ID
from tests.signing import Signer
from tests.system.serving import Serving


@dataclass
class Upload:
    """One body that does not end."""

    server: Serving
    head: bytes
    body: bytes

    async def send(self) -> None:
        """Send it, as far as the server takes it; wait for the answer, if there is one at once."""
        host, _, port = self.server.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):  # it was refused while it came
            writer.write(self.head + self.body)
            await writer.drain()
        self.reader, self.writer = reader, writer

    async def answered(self) -> int:
        """Return the status of the answer."""
        line = await self.reader.readline()
        return int(line.split()[1]) if line else 0

    def end(self) -> None:
        """Hang up."""
        self.writer.transport.abort()


async def upload(server: Serving, signer: Signer, *, count: int, size: int) -> list[Upload]:
    """Have so many of this size on their way."""
    head = (
        f"POST /webhooks/{PIPELINE_ID}/order_created HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size + 1}\r\n"
        f"Saleor-Signature: {signer.sign(b'')}\r\n\r\n"
    ).encode()
    uploads = [Upload(server, head, bytes(size)) for _ in range(count)]
    await asyncio.gather(*(each.send() for each in uploads))
    return uploads
