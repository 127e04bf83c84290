"""Client IPs: found behind proxies, read in every notation, and counted by the network that one client can use.

A client must not get a new limit by another spelling of its address, and two clients must not share a limit without
need.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from typing import Protocol

from django.conf import settings

# An IPv4 address with an optional port; old proxies pad the numbers with zeros.
_IPV4 = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?::\d{1,5})?", re.ASCII)
# An IPv6 address in brackets with an optional port (RFC 3986, 3.2.2).
_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d{1,5})?", re.ASCII)
# IPv6 notations of one IPv4 address by their first 96 bits: compatible (RFC 4291), translated (RFC 2765), NAT64
# (RFC 6052). Python reads mapped addresses, 6to4 (RFC 3056) and Teredo (RFC 4380) itself.
_EMBEDDING = {0, 0xFFFF_0000, 0x0064_FF9B << 64}
# Prefix lengths of IPv6: one client has a /64, a household or a small company up to a /56, a site up to a /48
# (RFC 6177).
CLIENT, HOUSEHOLD, SITE = 64, 56, 48


class _Request(Protocol):
    META: dict[str, str]


def client_ip(request: _Request) -> str:
    """The client IP in its shortest spelling; "" if there is none. NUM_PROXIES is the number of trusted proxies.

    Each trusted proxy appends one entry to X-Forwarded-For, so the client's entry is the one at place NUM_PROXIES,
    counted from the right. Entries further left may be forged. An entry that is no IP address (`unknown`, `_hidden`;
    RFC 7239) is passed over for the next entry to the right. After the last entry comes REMOTE_ADDR.
    """
    trusted = settings.NUM_PROXIES
    peer = request.META.get("REMOTE_ADDR", "")
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-trusted:] if trusted else []
    for entry in (*entries, peer):
        if found := parsed(entry):
            return str(found)
    return ""


def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """The address that a text means, with or without port, brackets and zone. None if it means no address.

    IPv6 notations of an IPv4 address become that IPv4 address.
    """
    text = address.strip().strip('"')
    if bracketed := _BRACKETED.fullmatch(text):
        text = bracketed[1]
    text = text.partition("%")[0]
    if dotted := _IPV4.fullmatch(text):
        text = dotted[1]
    head, colon, tail = text.rpartition(":")
    try:
        found = ip_address(f"{head}{colon}{_without_padding(tail)}")
    except ValueError:
        return None
    return _embedded(found) or found if isinstance(found, IPv6Address) else found


def network_of(client_ip: str) -> str:
    """The network that one client can use: its IPv4 address, or the /64 around its IPv6 address."""
    return networks_of(client_ip)[0]


def networks_of(client_ip: str) -> tuple[str, ...]:
    """The networks for which limits count, from the narrowest to the widest: one for IPv4, three for IPv6.

    The one network is "" if `client_ip` is no IP address.
    """
    found = parsed(client_ip)
    if isinstance(found, IPv6Address):
        return tuple(str(ip_network((int(found), length), strict=False)) for length in (CLIENT, HOUSEHOLD, SITE))
    return (str(found) if found else "",)


def coarse(client_ip: str) -> str:
    """The network that people are shown: the /24 of an IPv4 address, the /48 of IPv6. It is wider than a household."""
    found = parsed(client_ip)
    if isinstance(found, IPv4Address):
        return str(IPv4Network((int(found), 24), strict=False))
    return networks_of(client_ip)[-1]


def _without_padding(text: str) -> str:
    # Python refuses padded numbers, because some programs read them as octal. Proxies mean decimal ones.
    return ".".join(str(int(part)) for part in text.split(".")) if _IPV4.fullmatch(text) else text


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if inside := address.ipv4_mapped or address.sixtofour:
        return inside
    if address.teredo:
        return address.teredo[1]  # The client; the other one is its relay.
    number = int(address)
    # :: and ::1 are no IPv4 addresses.
    is_embedding = number >> 32 in _EMBEDDING and number > 0xFFFF
    return IPv4Address(number & 0xFFFF_FFFF) if is_embedding else None
