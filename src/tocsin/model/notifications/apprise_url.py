"""Finds the parameters of an Apprise URL that make Apprise read a file of this machine."""

from __future__ import annotations

import re
from urllib.parse import unquote

_FILES = {"template", "keyfile", "subfile", "pgppub", "pgpprv", "pgpkey", "attach", "config"}
# Apprise accepts each of them between parameters.
_SEPARATORS = re.compile("[?&;]")
# Apprise takes a name with one of these signs before it for another kind of parameter.
_SIGNS = "+-: "


def named_files(url: str) -> set[str]:
    """The parameters that name a file. `template` counts as one for every service; those for which
    it is an id accept it as a part of their path as well."""
    parts = _SEPARATORS.split(url)[1:]
    names = (unquote(part.partition("=")[0]).strip(_SIGNS).lower() for part in parts)
    return {name for name in names if name in _FILES}
