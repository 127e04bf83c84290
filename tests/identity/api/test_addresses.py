"""Client IPs: every spelling of an address is the same client, and no client chooses another one's address."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.api.addresses import client_ip, coarse, network_of, networks_of, parsed

V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).filter(lambda address: parsed(str(address)) == address).map(str)


class Asked:
    def __init__(self, forwarded: str | None = None, peer: str = "192.0.2.1") -> None:
        self.META = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})


def spellings_of_v4(address: str) -> list[str]:
    number = int(IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    padded = ".".join(f"{int(part):03}" for part in address.split("."))
    return [
        *(address, f"{address}:443", f" {address} ", f'"{address}"', padded, f"{padded}:1"),
        *(f"::ffff:{address}", f"::FFFF:{address}", f"[::ffff:{address}]:443", f"::ffff:{padded}"),
        *(f"::ffff:{high:x}:{low:x}", f"0:0:0:0:0:ffff:{high:04X}:{low:04X}", f"::ffff:{address}%eth0"),
        *(f"64:ff9b::{address}", f"2002:{high:x}:{low:x}::1", f"2002:{high:x}:{low:x}:ffff::9"),
        f"2001:0:4136:e378:8000:63bf:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        f"::ffff:0:{address}",
    ]


@given(V4)
def test_every_spelling_of_an_ipv4_address_is_one_client(address: str) -> None:
    """Found (audit M5): each of these had limits of its own, and all mapped addresses shared one /64."""
    assert {network_of(spelling) for spelling in spellings_of_v4(address)} == {address}


@given(V6)
def test_every_spelling_of_an_ipv6_address_is_one_client(address: str) -> None:
    exploded = IPv6Address(address).exploded
    spellings = [
        address,
        address.upper(),
        exploded,
        f"[{address}]",
        f"[{exploded}]:8443",
        f"{address}%eth0",
        f" {address}",
    ]
    assert len({networks_of(spelling) for spelling in spellings}) == 1
    assert [network.rpartition("/")[2] for network in networks_of(address)] == ["64", "56", "48"]


@given(V4, V4)
def test_two_ipv4_clients_are_two(one: str, other: str) -> None:
    assert (network_of(f"::ffff:{one}") == network_of(other)) == (one == other)


@given(st.text(max_size=60))
def test_garbage_breaks_nothing(text: str) -> None:
    assert isinstance(network_of(text), str)
    assert isinstance(coarse(text), str)
    assert isinstance(client_ip(Asked(text, text)), str)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "unknown",
        "_hidden",
        "_SEVKISEK",
        "1.2.3",
        "256.1.1.1",
        "1.2.3.4.5",
        "1.2.3.4:99999999",
        "::1::",
        "[::1",
        "12345",
    ],
)
def test_what_is_no_address(garbage: str) -> None:
    assert parsed(garbage) is None
    assert networks_of(garbage) == ("",)


@pytest.mark.parametrize("own", ["::", "::1", "fe80::1", "2001:db8::1", "64:ff9b:1::1"])
def test_ipv6_addresses_that_hold_no_ipv4_address(own: str) -> None:
    assert parsed(own) == IPv6Address(own)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        # Without trusted proxies nobody may name another address.
        (0, "203.0.113.9", "192.0.2.1"),
        # One proxy that appends, and one that replaces.
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9", "203.0.113.9"),
        # Two proxies: the outer one saw the client, the inner one saw the outer one.
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        # The outer one was passed by or replaces nothing: only trusted proxies wrote the entries.
        (2, "203.0.113.9", "203.0.113.9"),
        (3, "203.0.113.9, 10.0.0.1", "203.0.113.9"),
        # Ports, brackets and spaces, and two headers that the server joined.
        (1, "6.6.6.6:1,[2001:DB8::1]:443", "2001:db8::1"),
        (1, "6.6.6.6,203.0.113.9:5678", "203.0.113.9"),
        # An entry that is no address leads to the next trusted one, never to a forged one.
        (1, "6.6.6.6, unknown", "192.0.2.1"),
        (2, "6.6.6.6, _hidden, 10.0.0.1", "10.0.0.1"),
        (1, "6.6.6.6, ", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, None, "192.0.2.1"),
    ],
)
def test_the_client_behind_proxies(settings: Any, proxies: int, forwarded: str | None, client: str) -> None:
    settings.NUM_PROXIES = proxies
    assert client_ip(Asked(forwarded)) == client


@given(st.lists(V4, max_size=4), V4)
def test_no_client_chooses_its_address(forged: list[str], client: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.NUM_PROXIES", 1)
        assert client_ip(Asked(", ".join([*forged, client]))) == client


def test_the_coarse_network_names_no_household() -> None:
    assert coarse("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert coarse("2001:db8:1:2:3:4:5:6") == "2001:db8:1::/48"
    assert coarse("unknown") == ""
