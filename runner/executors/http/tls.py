"""
TLS contexts: one for each way of trusting and being trusted, made once and kept.

    Wanted(verify, certificate, http2) ──Trust.context()──► ssl.SSLContext

A file that changed on disk (a rotated certificate) makes a new context, whose connections are new too. The
authorities are the system's, or certifi's where the system has none. `runner.executors.http.executor` owns one
`Trust`; the transports are handed its contexts. Contexts are made in a worker thread: reading the
system's authorities takes tens of milliseconds.
"""

import os
import ssl
from collections import OrderedDict
from contextlib import ExitStack
from typing import Final, NamedTuple

import anyio
import anyio.to_thread
import certifi

from runner.executors.files import by_descriptor, inode
from runner.executors.http.config import ClientCertificate
from runner.executors.http.files import opened
from runner.executors.http.scalars import FieldError
from runner.ports import ExecutorLimits
from runner.secret import reveal

_KEPT: Final = 64
"""Contexts; the one that was not asked for longest goes first."""

_Key = tuple[object, ...]


class Wanted(NamedTuple):
    """
    How an action trusts and is trusted: `verify` and `client_certificate` of its config, and whether it asks for
    HTTP/2.
    """

    verify: bool | str = True
    certificate: str | ClientCertificate | None = None
    http2: bool = False


class Trust:
    """Makes and keeps contexts."""

    def __init__(self, limits: ExecutorLimits) -> None:
        self._limits = limits
        self._contexts: OrderedDict[_Key, ssl.SSLContext] = OrderedDict()
        self._making = anyio.Lock()

    async def context(self, wanted: Wanted) -> ssl.SSLContext:
        """The context for it. Raises FieldError."""
        if isinstance(wanted.verify, bool) and wanted.certificate is None:
            key = (wanted.verify, wanted.http2)
            return self._kept(key) or await self._made_once(key, wanted)
        return await anyio.to_thread.run_sync(self._of_files, wanted)

    async def _made_once(self, key: _Key, wanted: Wanted) -> ssl.SSLContext:
        """One at a time: of many first requests the others wait for the context instead of making their own."""
        async with self._making:
            return self._kept(key) or self._keep(key, await anyio.to_thread.run_sync(_new, wanted))

    def _of_files(self, wanted: Wanted) -> ssl.SSLContext:
        with ExitStack() as stack:
            authorities = None
            if not isinstance(wanted.verify, bool):
                authorities = stack.enter_context(opened(wanted.verify, "verify", self._limits))
            chain = self._chain(wanted.certificate, stack)
            files = [os.fstat(each) for each in (authorities, *(chain or ())[:2]) if isinstance(each, int)]
            password = None if chain is None else chain[2]
            key = (
                wanted.verify,
                wanted.http2,
                password,
                *((*inode(file), file.st_mtime_ns, file.st_size) for file in files),
            )
            return self._kept(key) or self._keep(key, _new(wanted, authorities, chain))

    def _chain(self, given: str | ClientCertificate | None, stack: ExitStack) -> "_Chain | None":
        """Opened until the stack ends; certificate and key each by itself, though they are one file."""
        if given is None:
            return None
        if isinstance(given, str):
            one, other = (stack.enter_context(opened(given, "client_certificate", self._limits)) for _ in range(2))
            return one, other, None
        certificate = stack.enter_context(opened(given.certificate, "client_certificate.certificate", self._limits))
        key = stack.enter_context(opened(given.key or given.certificate, "client_certificate.key", self._limits))
        return certificate, key, reveal(given.password)

    def _kept(self, key: _Key) -> ssl.SSLContext | None:
        if key in self._contexts:
            self._contexts.move_to_end(key)
        return self._contexts.get(key)

    def _keep(self, key: _Key, made: ssl.SSLContext) -> ssl.SSLContext:
        """The context under `key` from now on: of two that were made at once, the first."""
        context = self._contexts.setdefault(key, made)
        while len(self._contexts) > _KEPT:
            self._contexts.popitem(last=False)
        return context


_Chain = tuple[int, int, str | None]
"""Descriptors of certificate and key, and the key's password."""


def _new(wanted: Wanted, authorities: int | None = None, chain: _Chain | None = None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=_authorities() if authorities is None else by_descriptor(authorities)
        )
    except (ssl.SSLError, OSError):
        raise FieldError("verify: the file holds no PEM certificates") from None
    context.set_alpn_protocols(["h2", "http/1.1"] if wanted.http2 else ["http/1.1"])
    if wanted.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if chain is not None:
        certificate, key, password = chain
        try:
            context.load_cert_chain(by_descriptor(certificate), by_descriptor(key), password or _no_password)
        except (ssl.SSLError, OSError, ValueError):
            what = "no PEM certificate with its key, or the key's password is wrong"
            raise FieldError(f"client_certificate: {what}") from None
    return context


def _authorities() -> str | None:
    """None where the system has authorities of its own."""
    system = ssl.get_default_verify_paths()
    return None if system.cafile or system.capath else certifi.where()


def _no_password() -> str:
    """Asked for where a key turns out to be encrypted; without it OpenSSL would ask the terminal."""
    return ""
