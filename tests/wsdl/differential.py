#!/usr/bin/env python3
"""Has libxml2 and our validator judge the same documents, and compares.

    tests/wsdl/differential.py VALIDATE [--seed N] [--documents N]

VALIDATE is the built example `validate`. Documents are made from the bundled schemas and from those
of tests/wsdl/schemas, then broken, all from one seed. Ends with 1 on a disagreement that EXPLAINED
does not cover, and when a schema saw only valid or only invalid documents, since then nothing was
compared.
"""

import argparse
import collections
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from lxml import etree

from generate import XSD, Generator, Schemas, mutate, scramble

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)



class Known:
    """A known deviation: what each of the two says of such a document, and what it must hold.

    `we` and `they` are searched in the objections (None: the document is valid to that side);
    `document` is searched in its text.
    """

    def __init__(self, name, why, we, they, document):
        self.name, self.why = name, why
        self.we, self.they, self.document = we, they, document

    def explains(self, source, we, they):
        def agrees(wanted, said):
            return said == "" if wanted is None else re.search(wanted, said) is not None

        return agrees(self.we, we) and agrees(self.they, they) and re.search(self.document, source) is not None


# Where the two differ on purpose, or libxml2 is wrong.
EXPLAINED = [
    Known(
        "foreign characters in base64",
        "libxml2 passes over characters that base64 does not have; the lexical form of XSD 1.0 part 2, 3.2.16 "
        "allows none but white space",
        we=r"something else where [Bb]ase64\w+ is expected",
        they=None,
        document=r">[^<]*[^A-Za-z0-9+/= \t\r\n<>][^<]*<",
    ),
    Known(
        "names of XML's fifth edition",
        "libxml2 has the letters of XML 1.0's fourth edition in names that are values, we have those of the fifth, "
        "as for the names of elements",
        we=None,
        they=r"is not a valid value of the (atomic type 'xs:(NC|Q)?Name'|atomic type 'xs:NMTOKEN'|list type)",
        document=r"[^\x00-\x7f]",
    ),
    Known(
        "no tokens",
        "NMTOKENS has at least one token (XSD 1.0 part 2, 3.3.5); libxml2 lets none pass",
        we=r"0 items where at least 1 items",
        they=None,
        document=r"NMTOKENS|tokens",
    ),
    Known(
        "white space around dates",
        "white space around every date is taken away (XSD 1.0 part 2, 3.2.9.1 and 4.3.6); libxml2 forgets it for "
        "this one type",
        we=None,
        they=r"is not a valid value of the (atomic type 'xs:date'|union type)",
        document=r">(\s+-?\d{4,}-\d\d-\d\d\S*\s*|-?\d{4,}-\d\d-\d\d\S*\s+)<",
    ),
    Known(
        "days in a zone",
        "a day in one zone has an order to a bound without zone only if it is more than 14 hours away (XSD 1.0 part 2, "
        "3.2.7.4); libxml2 compares the days as they are written",
        we=r"(less|more) where (at least|less than) \d{4}-\d\d-\d\d is expected",
        they=None,
        document=r"\d{4}-\d\d-\d\d[+-]\d\d:\d\d\s*<",
    ),
    Known(
        "exponents without digits",
        "a float has digits after its `e` (XSD 1.0 part 2, 3.2.4.1); libxml2 does not look",
        we=r"something else where (float|[Dd]ouble)s? is expected",
        they=None,
        document=r">\s*[+-]?[\d.]+[eE][+-]?\s*<",
    ),
    Known(
        "fixed numbers",
        "a fixed value is met by an equal value (XSD 1.0 part 1, cvc-elt 5.2.2.2.2); libxml2 compares numbers as texts",
        we=None,
        they=r"The actual value '\s*\+?0*1\.50*\s*' does not match the fixed value constraint '1\.50'",
        document=r"fixed",
    ),
    Known(
        "namespaces that are no URIs",
        "Namespaces in XML 1.0, 2.2 asks nobody to check that a namespace is a URI",
        we=None,
        they=r"not well formed: xmlns(:\w+)?: '.*' is not a valid URI",
        document=r"xmlns",
    ),
    Known(
        "any text is a URI",
        "XSD 1.0 part 2, 3.2.17 asks nobody to check that a value is a URI, and XSD 1.1 says that every text is one; "
        "libxml2 wants RFC 3986",
        we=None,
        they=r"is not a valid value of the atomic type 'xs:anyURI'",
        document=r"",
    ),
]


def entries():
    """The schemas that are compiled: files of XSD, and WSDL files with their schemas cut out."""
    for path in sorted((HERE / "schemas").glob("*.xsd")):
        if path.name not in ("other.xsd", "shared.xsd"):
            yield path, [path]
    for path in sorted((ROOT / "wsdl").glob("*.xsd")):
        yield path, [path]
    for path in sorted((ROOT / "wsdl").glob("*.wsdl")):
        yield path, None


def cut(wsdl, directory):
    """Writes the schemas of a WSDL as files that import each other, and gives their paths."""
    found = list(etree.parse(str(wsdl)).iter(XSD + "schema"))
    names = {schema.get("targetNamespace"): f"{wsdl.stem}-{index}.xsd" for index, schema in enumerate(found)}
    paths = []
    for schema in found:
        for imported in schema.findall(XSD + "import"):
            location = imported.get("schemaLocation")
            name = str((wsdl.parent / location).resolve()) if location else names[imported.get("namespace")]
            imported.set("schemaLocation", name)
        path = directory / names[schema.get("targetNamespace")]
        if schema.get("targetNamespace") is None:
            # Only imports stand in it: what it imports is taken instead.
            paths += [pathlib.Path(imported.get("schemaLocation")) for imported in schema.findall(XSD + "import")]
            continue
        path.write_bytes(etree.tostring(schema))
        paths.append(path)
    return paths


def joined(paths, directory):
    """One schema that imports all."""
    imports = []
    for path in paths:
        target = etree.parse(str(path)).getroot().get("targetNamespace")
        imports.append(f'<xsd:import namespace="{target}" schemaLocation="{path.resolve()}"/>')
    whole = directory / "joined.xsd"
    whole.write_text(f'<xsd:schema xmlns:xsd="{XSD[1:-1]}">{"".join(imports)}</xsd:schema>')
    return etree.XMLSchema(etree.parse(str(whole)))


def loaded(paths):
    """The roots of schema files and of what they import."""
    roots, seen, pending = [], set(), [(path.resolve(), None) for path in paths]
    while pending:
        path, including = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        root = etree.parse(str(path)).getroot()
        if including and not root.get("targetNamespace"):
            root.set("targetNamespace", including)
        roots.append(root)
        for other in root.findall(XSD + "import") + root.findall(XSD + "include"):
            included_by = root.get("targetNamespace") if other.tag == XSD + "include" else None
            pending.append(((path.parent / other.get("schemaLocation")).resolve(), included_by))
    return roots


def documents(schemas, numbers, count):
    """Texts: one as made, one changed and one scrambled in turn, of every global element."""
    generator = Generator(schemas, numbers)
    elements = schemas.elements()
    for index in range(count):
        root = generator.document(*elements[index % len(elements)])
        kind = index // len(elements) % 4
        if kind in (1, 2):
            root = mutate(root, schemas, numbers)
        source = etree.tostring(root, encoding="unicode")
        if kind == 3:
            source = scramble(source, numbers)
        yield source.encode("utf-8", "surrogatepass")


def libxml2(schema, source):
    """libxml2's objection; none if the document is valid."""
    try:
        document = etree.fromstring(source, PARSER)
    except etree.XMLSyntaxError as error:
        return f"not well formed: {error}"
    if schema.validate(document):
        return ""
    return schema.error_log[0].message


def ours(validate, entry, paths):
    """Our objections by path; "" for a valid document."""
    names = "\n".join(map(str, paths))
    done = subprocess.run([validate, entry], input=names, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{entry}: our compiler refuses it: {done.stderr}")
    rows = [line.split("\t", 2) for line in done.stdout.rstrip("\n").split("\n")]
    return {name: "" if verdict == "valid" else reason for name, verdict, reason in rows}


def explanation(source, we, they):
    return next((known.name for known in EXPLAINED if known.explains(source, we, they)), None)


def compare(entry, paths, options, directory, totals):
    """Judges the documents of one schema; gives the disagreements that nothing explains."""
    paths = paths or cut(entry, directory)
    theirs, schemas = joined(paths, directory), Schemas(loaded(paths))
    numbers = random.Random(f"{options.seed} {entry.name}")
    count = max(options.documents, 40 * len(schemas.elements()))
    corpus = {}
    for index, source in enumerate(documents(schemas, numbers, count)):
        path = directory / f"{entry.stem}-{index}.xml"
        path.write_bytes(source)
        corpus[str(path)] = source
    verdicts = ours(options.validate, entry, corpus)
    open_ones, valid, explained = [], 0, 0
    for path, source in corpus.items():
        we, they = verdicts[path], libxml2(theirs, source)
        valid += not they
        if bool(we) == bool(they):
            continue
        name = explanation(source.decode("utf-8", "replace"), we, they)
        explained += name is not None
        totals[name] += 1
        if name is None:
            open_ones.append(f"{entry.name}: {source!r}\n  ours:    {we or 'valid'}\n  libxml2: {they or 'valid'}")
    print(f"{entry.name}: {len(corpus)} documents, {valid} valid, {explained} explained, {len(open_ones)} open")
    if valid in (0, len(corpus)):
        open_ones.append(f"{entry.name}: {valid} of {len(corpus)} documents are valid, so nothing was compared")
    return open_ones


def main():
    options = argparse.ArgumentParser()
    options.add_argument("validate")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--documents", type=int, default=600, help="of each schema, at least")
    options = options.parse_args()
    totals, open_ones = collections.Counter(), []
    for entry, paths in entries():
        with tempfile.TemporaryDirectory() as directory:
            open_ones += compare(entry, paths, options, pathlib.Path(directory), totals)
    for name, count in sorted((name, count) for name, count in totals.items() if name):
        print(f"explained {count} times: {name}")
    for each in open_ones[:40]:
        print(each, file=sys.stderr)
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
