"""TLS as a venue has it: an authority of its own, certificates for a server, and something that ends TLS in front."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

T = TypeVar("T")

WINDOW = (timedelta(hours=-1), timedelta(hours=12))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _address(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Signs certificates for servers, like the one that Caddy makes for itself."""

    def __init__(self, name: str = "Venue authority") -> None:
        self._name, self._key = _named(name), ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        made = self._builder(self._name, self._key.public_key(), (now - timedelta(days=1), now + timedelta(days=3600)))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        self.certificate = made.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate, the root."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def certify(
        self, folder: Path, *names: str, window: tuple[timedelta, timedelta] = WINDOW
    ) -> tuple[ssl.SSLContext, str]:
        """What a server needs to speak TLS under these names, and its certificate alone as PEM. ``window``: from when
        to when it is in date, counted from now."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        made = self._builder(_named(names[0]), key.public_key(), (now + window[0], now + window[1]))
        made = made.add_extension(x509.SubjectAlternativeName([_address(name) for name in names]), critical=False)
        certificate = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = folder / f"{names[0]}-{id(key)}.pem"
        file.write_bytes(certificate + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context, certificate.decode()

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, dates: tuple[datetime, datetime]
    ) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number(), *dates)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return made.add_extension(ours, critical=False)


class Terminator:
    """Ends TLS on a port of this machine and carries what was in it to another, in a thread of its own."""

    def __init__(self, context: ssl.SSLContext, target_port: int, port: int = 0) -> None:
        self.port = port
        self._context, self._target = context, target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls", daemon=True)

    def __enter__(self) -> Terminator:
        self._thread.start()
        self._listener = self._run(
            asyncio.start_server(self._meet, "127.0.0.1", self.port, ssl=self._context, reuse_address=True)
        )
        self.port = int(self._listener.sockets[0].getsockname()[1])
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.port}"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end(self) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            pumps = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                back.transport.abort()
                writer.transport.abort()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # there is no server now, or no more of this
        finally:
            writer.transport.abort()
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(4096):
            writer.write(piece)
            await writer.drain()
