"""How the checks say what differs."""

import re
import time
import xml.etree.ElementTree as ElementTree

PATIENCE_SECONDS = 20
RESPONSE = "http://api-v1.gen.mm.vodafone.com/mminterface/response"


class Difference(Exception):
    """Something is not as it must be."""


def same(what, found, expected):
    if found != expected:
        raise Difference(f"{what}: {found!r} where {expected!r} is expected")


def matches(what, found, pattern):
    if not re.fullmatch(pattern, found, re.DOTALL):
        raise Difference(f"{what}: {found!r} does not match {pattern!r}")


def eventually(what, find):
    """What `find` gives as soon as it gives something."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_SECONDS:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise Difference(f"{what}: not within {PATIENCE_SECONDS} s")


def fields(document):
    """The elements of the document inside ResponseMsg, by their local names."""
    root = ElementTree.fromstring(document.encode())
    same("the root", root.tag, f"{{{RESPONSE}}}response")
    return {child.tag.rsplit("}", 1)[-1]: child.text or "" for child in root}
