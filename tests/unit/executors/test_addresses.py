"""Which addresses are refused, whatever they are written as; the sockets are tested over real connections."""

from ipaddress import ip_address

import pytest

from runner.executors.addresses import refused_address, refused_host
from runner.ports import ExecutorLimits

STRICT = ExecutorLimits(allow_private_networks=False)


class TestMetadata:
    @pytest.mark.parametrize(
        "address",
        [
            "169.254.169.254", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::254%eth0",
            "fd20:ce::254", "::ffff:169.254.169.254", "::ffff:169.254.169.254%1", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::", "::169.254.169.254",
        ],
    )  # fmt: skip
    def test_every_cloud_and_every_wrapping(self, address: str) -> None:
        """As connected to, with a zone or without; and as a literal host."""
        refused = refused_address(ip_address(address), ExecutorLimits())

        assert refused == "a cloud metadata address, which [http] allow_metadata forbids"

    @pytest.mark.parametrize(
        "host",
        [
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "[::ffff:a9fe:a9fe]",
            "metadata.google.internal.",
        ],
    )
    def test_every_spelling_of_a_host(self, host: str) -> None:
        """Before it is resolved, as behind a proxy."""
        assert "metadata" in (refused_host(host, ExecutorLimits()) or "")
        assert refused_host(host, ExecutorLimits(allow_metadata=True)) is None

    @pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.1", "2001:4860:4860::8888", "fe80::1%1", "::ffff:10.0.0.1"])
    def test_others_are_free(self, address: str) -> None:
        """Private networks too, unless they are off."""
        assert refused_address(ip_address(address), ExecutorLimits()) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "fe80::1%1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:0:10.0.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_private_networks_where_they_are_off(address: str) -> None:
    """Loopback, links, shared and unique local addresses, and those inside others."""
    assert (
        refused_address(ip_address(address), STRICT) == "a private address, which [http] allow_private_networks forbids"
    )
