"""Compressed bodies: opened, bounded, refused where they cannot be opened."""

import gzip
import zlib
from typing import Any

import pytest

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import fetch, raw, respond, says


class TestCompression:
    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
            ("x-gzip", gzip.compress(b'{"a"', mtime=0) + gzip.compress(b":1}", mtime=0)),
            ("deflate", zlib.compress(b'{"a":1}')),
            ("deflate", zlib.compress(b'{"a":1}')[2:-4]),
            ("identity", b'{"a":1}'),
        ],
        ids=["gzip", "two members", "zlib", "raw deflate", "identity"],
    )
    async def test_compressed_bodies_are_opened(self, http: HttpExecutor, encoding: Any, body: Any) -> None:
        """Also where they come byte by byte in chunks."""
        chunks = b"".join(b"1\r\n%b\r\n" % body[i : i + 1] for i in range(len(body))) + b"0\r\n\r\n"
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
            % encoding.encode()
        )
        async with raw(says(head + chunks)) as server:
            assert (await fetch(http, url=server.url()))["body"] == {"a": 1}

    async def test_a_gzip_bomb_is_an_error_at_the_bound(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """1 GB of zeros in 1 MB is given up at 10 MB, in a fraction of the time that opening it takes."""
        packer = zlib.compressobj(wbits=31)
        head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
        block = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
        bomb = head + block * 100
        server = await http_server(respond(bomb, Content_Encoding="gzip"))
        with pytest.raises(
            PermanentError, match=r"answered with more than max_response_size \(10,000,000 bytes\)$"
        ) as caught:
            await fetch(http, url=server.url())
        assert caught.value.kind == "limit"

    async def test_a_stream_of_empty_blocks_is_an_error_at_the_bound(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """Compressed bytes that open to nothing count as well."""
        body = zlib.compress(b"")[:2] + b"\x00\x00\x00\xff\xff" * 40_000
        server = await http_server(respond(body, Content_Encoding="deflate"))
        with pytest.raises(PermanentError, match="max_response_size"):
            await fetch(http, url=server.url(), max_response_size=1000)

    @pytest.mark.parametrize(
        ("encoding", "body", "what"),
        [
            ("gzip", b"not gzip", "is not compressed as its Content-Encoding says"),
            ("gzip", gzip.compress(b"x" * 100, mtime=0)[:-6], "the compressed body breaks off"),
            ("deflate", b"\xff\xff\xff\xff", "is not compressed as its Content-Encoding says"),
            ("br", b"x", "its Content-Encoding is none of gzip and deflate"),
        ],
    )
    async def test_a_body_that_cannot_be_opened_is_an_error(
        self, http: HttpExecutor, http_server: OpenServer, encoding: Any, body: Any, what: str
    ) -> None:
        """Not compressed, cut, or compressed in a way that was not asked for."""
        server = await http_server(respond(body, Content_Encoding=encoding))
        with pytest.raises(PermanentError, match=what) as caught:
            await fetch(http, url=server.url())
        assert caught.value.kind == "response"
