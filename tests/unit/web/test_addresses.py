"""Whose request it is: what a proxy says counts where the proxy is trusted, and nowhere else."""

import pytest
from starlette.requests import Request

from runner.web.addresses import Addresses


def request(peer: str = "127.0.0.1", **headers: str) -> Request:
    """A request from `peer`."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "a.test", **headers}.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "client": (peer, 1), "headers": raw})


class TestClient:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            ("10.0.0.5", "192.0.2.1", "192.0.2.1"),
            ("10.0.0.5", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("10.0.0.5", "192.0.2.1, 10.0.0.6", "192.0.2.1"),
            ("10.0.0.5", "10.0.0.6", "10.0.0.6"),
            ("10.0.0.5", "", "10.0.0.5"),
            ("192.0.2.9", "192.0.2.1", "192.0.2.9"),
            ("fd00::1", "192.0.2.1", "fd00::1"),
        ],
    )
    def test_the_last_hop_that_no_trusted_proxy_is(self, peer: str, forwarded: str, client: str) -> None:
        """Whatever a client wrote before it counts for nothing."""
        addresses = Addresses("", ["10.0.0.0/8"])

        assert addresses.client(request(peer, x_forwarded_for=forwarded)) == client


class TestHttps:
    @pytest.mark.parametrize(
        ("url", "peer", "headers", "expected"),
        [
            ("https://a.test", "192.0.2.9", {}, True),
            ("https://a.test", "192.0.2.9", {"host": "127.0.0.1:3000"}, False),
            ("http://a.test", "192.0.2.9", {}, False),
            ("", "10.0.0.5", {"x_forwarded_proto": "https"}, True),
            ("", "192.0.2.9", {"x_forwarded_proto": "https"}, False),
        ],
    )
    def test_who_may_say_so(self, url: str, peer: str, headers: dict[str, str], *, expected: bool) -> None:
        """The public address, or a proxy that is trusted."""
        assert Addresses(url, ["10.0.0.5"]).is_https(request(peer, **headers)) is expected


class TestOurs:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"host": "runner.example.com"}, None),
            ({"host": "RUNNER.example.com:443", "origin": "https://runner.example.com"}, None),
            ({"host": "[::1]:3000", "origin": "http://[::1]:3000"}, None),
            ({"host": "192.168.1.5:3000"}, None),
            ({"host": "localhost:3000", "origin": "http://localhost:3000"}, None),
            ({"host": "localhost:3000", "origin": "http://localhost:3001"}, 403),
            ({"host": "127.0.0.1", "origin": "https://runner.example.com.evil.example"}, 403),
            ({"host": "127.0.0.1", "origin": "file://127.0.0.1"}, 403),
            ({"host": "127.0.0.1", "origin": "http://[evil"}, 403),
            ({"host": ""}, 421),
            ({"host": "runner.example.com.evil.example"}, 421),
            ({"host": "[::1"}, 421),
            ({"host": "0x7f.1"}, 421),
        ],
    )
    def test_host_and_origin(self, headers: dict[str, str], status: int | None) -> None:
        """A name has to be the public one; an address is ours; an Origin is the Host's or the public one."""
        found = Addresses("https://runner.example.com").refusal(request(**headers), is_origin_needed=False)

        assert (found and found.status) == status

    @pytest.mark.parametrize(("site", "status"), [("same-origin", None), ("same-site", 403), ("none", 403), ("", 403)])
    def test_a_change_says_where_it_comes_from(self, site: str, status: int | None) -> None:
        """By Origin, or by what the browser says of the site."""
        found = Addresses().refusal(request(host="127.0.0.1", sec_fetch_site=site), is_origin_needed=True)

        assert (found and found.status) == status
