"""Addresses as they may be shown: without users, passwords and queries."""

import re

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*:)//([^\s'\"<>`]*)")


def shown_address(address: str) -> str:
    """One address without its user, password, query and fragment.

    A password may hold any character, written as it is and not as a percent sign, so that all up to the
    last @ goes. Where a ? or # stands before an @, nobody can tell a password from a query: only the
    scheme is left.
    A local file's address has no user, and keeps its path.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    if rest.startswith("/"):
        return f"{scheme}://{rest.partition('?')[0]}"
    if re.search(r"[?#].*@", rest, re.DOTALL):
        return f"{scheme}://..."
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def redact(text: str) -> str:
    """The text with every address in it as `shown_address` shows it; one ends at a blank or a quote."""
    return _ADDRESS.sub(lambda found: shown_address(found[0]), text)
