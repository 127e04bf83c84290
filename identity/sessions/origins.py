"""The origin of a session in plain words: the device's name, its platform and its network.

The network is a prefix of the client IP. To show a town instead would need a library and a table that gets outdated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from identity.api.addresses import coarse
from identity.models import Platform

_SIGNS = {
    Platform.ANDROID: re.compile(r"android|okhttp|dalvik", re.IGNORECASE),
    Platform.IOS: re.compile(r"iphone|ipad|ios|cfnetwork|darwin", re.IGNORECASE),
}
# The first product of a User-Agent (RFC 9110, 10.1.5), without its version.
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,38}[A-Za-z0-9]", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    name: str = ""
    platform: str = ""
    network: str = ""


NOWHERE = Origin()


def origin_of(wanted: Mapping[str, Any], *, agent: str, client_ip: str) -> Origin:
    """The origin of a sign-in. `wanted` may hold `device_name` and `platform`; else they are taken from `agent`.

    `agent` is the User-Agent header. A value that neither gives is "".
    """
    platform = wanted.get("platform") or next((kind for kind, sign in _SIGNS.items() if sign.search(agent)), "")
    product = _PRODUCT.match(agent)
    name = wanted.get("device_name") or (product.group() if product else "")
    return Origin(name=name, platform=platform, network=coarse(client_ip))
