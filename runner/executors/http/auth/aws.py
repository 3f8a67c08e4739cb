"""
AWS Signature Version 4, computed by botocore (the extra `aws`), as AWS's own tools compute it.

`choose` makes the flow. botocore is imported when the first action needs it, in a worker thread: it takes a fifth of
a second.
"""

from importlib import import_module
from typing import Any

import anyio.to_thread

from runner.errors import PermanentError
from runner.executors.http.config import Aws
from runner.executors.http.headers import Fields
from runner.executors.http.outgoing import Outgoing
from runner.secret import reveal


class AwsFlow:
    """Signs each request."""

    tokens: tuple[str, ...] = ()

    def __init__(self, config: Aws) -> None:
        self._config = config

    async def authorize(self, request: Outgoing) -> Outgoing:
        """The request with date, content hash and signature. Raises PermanentError where botocore is missing."""
        try:
            signer, message, credentials = await anyio.to_thread.run_sync(_botocore)
        except ImportError:
            text = "auth.aws: the package botocore is not installed; expected `pip install 'runnerd[aws]'`"
            raise PermanentError(text, kind="config", effect=request.before) from None
        config = self._config
        keys = credentials(reveal(config.access_key_id), reveal(config.secret_access_key), reveal(config.session_token))
        name = "S3SigV4Auth" if config.service == "s3" else "SigV4Auth"
        signed = message(
            method=request.method, url=request.target.url, data=request.content or b"", headers=_signable(request)
        )
        getattr(signer, name)(keys, config.service, config.region).add_auth(signed)
        for header, value in signed.headers.items():
            request = request.with_header(header, value)
        return request

    async def challenged(self, request: Outgoing, status: int, headers: Fields) -> Outgoing | None:  # noqa: ARG002  as `Flow`
        """The 401 stands."""
        return None


def _signable(request: Outgoing) -> dict[str, str]:
    """The headers that are signed: those that proxies on the way leave alone."""
    return {
        name: value for name, value in request.headers if name.lower() in _SIGNED or name.lower().startswith("x-amz-")
    }


_SIGNED = frozenset({"content-type", "content-md5", "host"})


def _botocore() -> tuple[Any, Any, Any]:
    auth, request, credentials = map(import_module, ("botocore.auth", "botocore.awsrequest", "botocore.credentials"))
    return auth, request.AWSRequest, credentials.Credentials
