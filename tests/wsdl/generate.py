"""Makes documents from XSD schemas, and breaks them.

It reads the schema files on its own, so that it shares no mistake with either validator. What it
makes from a schema is meant to be valid, mostly; what the mutations make of it, mostly not.
"""

import random
import re
import re._parser as regular
from copy import deepcopy

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
BUILTIN = "http://www.w3.org/2001/XMLSchema"

# What values are drawn from: forms at the edges of every built-in type.
WORDS = ["", " ", "a", "abcd", "two words", " one ", "one", "é", "a:b", "-", "1a", "_x", "x y", "\t1\n", "true ", "😀😀"]
WHOLE = ["0", "1", "-1", "+7", "007", "12", "-3", "13", "-4", "127", "128", "-128", "-129", "255", "256", "32767",
         "32768", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807",
         "9223372036854775808", "18446744073709551615", "18446744073709551616", "-0", "+0", "--1", "1 2", "0x1"]
PARTS = ["0.1", "0.10", "0.11", "99.999", "100.0", "-.5", "1.", ".", "1.50", "1.5", "2.00", "12345", "1234.56", "123.456",
         "00123.4500", "1e3", "1,0", "+.5", "-"]
FLOATS = ["1e3", "-1E2", "-1.01e2", "999.9", "INF", "-INF", "NaN", "+INF", "inf", "1e", "e1", "1e+5", "1e-5", ".e1", "1E1.5", "1.e2"]
TIMES = ["2014-09-27T12:53:19Z", "2014-09-27T12:53:19.0001+03:00", "2014-02-29T00:00:00", "2024-02-29T24:00:00",
         "2014-09-27T24:00:01", "2014-09-27T12:53:60", "0000-01-01T00:00:00", "-0044-03-15T00:00:00-14:00",
         "12014-01-01T00:00:00", "2014-09-27", "2014-09-31", "2014-09-27Z", "2014-09-27-03:00", "2014-9-27", "12:00:00",
         "12:00:00.5Z", "24:00:00", "25:00:00", "12:00", "12:00:00+14:00", "12:00:00+14:01", "20140927125319",
 "2014-09-27T12:53:20", "2014-09-28T12:53:19", "2014-09-27T13:53:19+01:00", "2014-09-27+14:00", "2024-02-28",
         "02014-01-01", "2014-13-01", "2014-00-10", "2014-01-00", "12:60:00", "12:00:00.", "-2014-01-01", "+2014-01-01"]
BINARY = ["AA==", "AAA=", "AAAA", "AB==", "AAB=", "A", "AA", "AA=", "A A A A", "AAAAAAA=", "AAAAAA==", "0aFF", "0", "00",
          "0g", "AAAA====", "=", "A-A_", "0aFF00"]
NAMES = ["en", "en-GB", "x-1", "toolongtag", "en-", "i-klingon-2", "Name", "a.b", "1x", "·a", "a·", "ns:n", ":", "a b", "Ωmega"]
PLACES = ["http://a.example/b?c=d#e", "urn:a", "../x y", "http://10.66.49.201:/x", "#", "a%20b"]
LISTS = ["1 2", " 1  2\n3 ", "1 2 3 4", "1 x", "a b", "one", "two  words", "a-Ü1", "a-b", "c:unit", "xsi:x", "nowhere:x", "xml:x", "7", "1.5"]
FORMS = ["AB123", "AB1234-x", "AB12345.y", "AB123456", "ab123", "AB12٣", "aab", "a", "bb", "xyz", "xyzw", "254708374149",
         "600000", "10.50", "10.5", "10.505"]
POOLS = [WORDS, WHOLE, PARTS, FLOATS, TIMES, BINARY, NAMES, PLACES, FORMS, LISTS]
FITTING = {
    "boolean": ["true", "false", "1", "0", " true "], "double": FLOATS[:4], "float": FLOATS[:4], "dateTime": TIMES[:2],
    "date": ["2014-09-27", "2014-09-27Z"], "time": ["12:00:00", "12:00:00.5Z"], "base64Binary": BINARY[:3],
    "hexBinary": ["", "00", "0aFF"], "decimal": ["0.10", "-.5", "70"], "negativeInteger": ["-1", "-3"],
    "nonPositiveInteger": ["0", "-1"], "language": NAMES[:3], "NMTOKEN": ["1x", "a.b"], "Name": ["a", "ns:n"],
    "NCName": ["a", "_x"], "anyURI": PLACES[:2], "QName": ["a", "xsi:a"], "NMTOKENS": ["a", "1x b"],
}
TEXTUAL = ("string", "normalizedString", "token", "anySimpleType", "anyType")


KINDS = ["element", "complexType", "simpleType", "attribute", "attributeGroup", "group"]


class Schemas:
    """The components of a set of schema files, by kind and expanded name."""

    def __init__(self, roots):
        self.named = {}
        for root in roots:
            for child in root.iterchildren(*(XSD + kind for kind in KINDS)):
                kind = child.tag.removeprefix(XSD)
                kind = "type" if kind.endswith("Type") else kind
                self.named[kind, root.get("targetNamespace", ""), child.get("name")] = child

    def elements(self):
        return sorted((namespace, name) for kind, namespace, name in self.named if kind == "element")

    def types(self):
        return sorted((namespace, name) for kind, namespace, name in self.named if kind == "type")

    def find(self, kind, node, reference):
        """The component that `reference` names at `node`; none for a built-in one."""
        prefix, _, local = reference.rpartition(":")
        namespace = node.nsmap.get(prefix or None)
        if namespace is None:
            # A file without namespace has that of the one that includes it.
            namespace = node.getroottree().getroot().get("targetNamespace", "")
        return self.named.get((kind, namespace, local))


class Generator:
    """Makes documents, each from the seed of its random numbers."""

    def __init__(self, schemas, numbers):
        self.schemas = schemas
        self.numbers = numbers

    def document(self, namespace, name):
        holder = etree.Element("holder", nsmap={"xsi": XSI[1:-1]})
        self.element(self.schemas.named["element", namespace, name], holder)
        root = holder[0]
        holder.remove(root)
        return root

    def element(self, declared, parent):
        if declared.get("ref"):
            declared = self.schemas.find("element", declared, declared.get("ref"))
        schema = declared.getroottree().getroot() if declared.getparent() is None else next(
            declared.iterancestors(XSD + "schema"))
        qualified = declared.getparent() is schema or declared.get("form", schema.get("elementFormDefault")) == "qualified"
        namespace = schema.get("targetNamespace", "") if qualified else ""
        made = etree.SubElement(parent, f"{{{namespace}}}{declared.get('name')}" if namespace else declared.get("name"))
        inline = [child for child in declared if child.tag in (XSD + "complexType", XSD + "simpleType")]
        if inline:
            self.typed(inline[0], made)
        elif declared.get("type"):
            self.reference(declared, declared.get("type"), made)

    def reference(self, node, name, made):
        found = self.schemas.find("type", node, name)
        if found is None:
            made.text = self.builtin(name.rpartition(":")[2])
        else:
            self.typed(found, made)

    def typed(self, kind, made):
        if kind.tag == XSD + "simpleType":
            made.text = self.simple(kind)
            return
        for part in kind:
            if part.tag in (XSD + "simpleContent", XSD + "complexContent"):
                derived = part[0]
                if derived.tag == XSD + "extension" or part.tag == XSD + "simpleContent":
                    self.reference(derived, derived.get("base"), made)
                    if derived.find(XSD + "maxInclusive") is not None:
                        made.text = self.numbers.choice(["99.99", "100.0", "100.001", "7"])
                for inner in derived:
                    self.part(inner, made)
            else:
                self.part(part, made)

    def part(self, part, made):
        if part.tag == XSD + "attribute":
            if part.get("use") != "prohibited" and (part.get("use") == "required" or self.numbers.random() < 0.5):
                self.attributed(part, made)
            return
        if part.tag == XSD + "attributeGroup":
            for inner in self.schemas.find("attributeGroup", part, part.get("ref")):
                self.part(inner, made)
            return
        if part.tag == XSD + "anyAttribute" and self.numbers.random() < 0.2:
            made.set("{urn:foreign}any", "1")
        if part.tag not in (XSD + kind for kind in ("element", "sequence", "choice", "all", "any", "group")):
            return
        least = int(part.get("minOccurs", "1"))
        most = part.get("maxOccurs", "1")
        most = least + 2 if most == "unbounded" else int(most)
        for _ in range(self.numbers.randint(least, max(least, most))):
            self.once(part, made)

    def once(self, part, made):
        children = [child for child in part if isinstance(child.tag, str)]
        if part.tag == XSD + "element":
            self.element(part, made)
        elif part.tag == XSD + "any":
            self.anything(made)
        elif part.tag == XSD + "group":
            self.once(self.schemas.find("group", part, part.get("ref"))[0], made)
        elif part.tag == XSD + "choice":
            self.part(self.numbers.choice(children), made)
        else:
            if part.tag == XSD + "all":
                self.numbers.shuffle(children)
            for child in children:
                self.part(child, made)

    def anything(self, made):
        others = [name for name in self.schemas.elements() if name[0] != etree.QName(made).namespace]
        if others and self.numbers.random() < 0.7:
            namespace, name = self.numbers.choice(others)
            self.element(self.schemas.named["element", namespace, name], made)
        else:
            etree.SubElement(made, "{urn:foreign}anything").text = self.numbers.choice(WORDS)

    def attributed(self, part, made):
        if not part.get("ref"):
            made.set(part.get("name"), self.attribute(part))
            return
        declared = self.schemas.find("attribute", part, part.get("ref"))
        namespace = declared.getroottree().getroot().get("targetNamespace")
        made.set(f"{{{namespace}}}{declared.get('name')}", self.attribute(declared))

    def attribute(self, declared):
        if declared.get("fixed"):
            return declared.get("fixed")
        holder = etree.Element("holder")
        if declared.get("type"):
            self.reference(declared, declared.get("type"), holder)
        elif len(declared):
            holder.text = self.simple(declared[0])
        return holder.text or ""

    def simple(self, kind):
        composed = kind[0]
        if composed.tag == XSD + "list":
            return " ".join(self.builtin(composed.get("itemType").rpartition(":")[2]) for _ in range(self.numbers.randint(0, 4)))
        if composed.tag == XSD + "union":
            if self.numbers.random() < 0.5:
                return self.simple(composed[0])
            holder = etree.Element("holder")
            self.reference(composed, self.numbers.choice(composed.get("memberTypes").split()), holder)
            return holder.text or ""
        restriction = kind.find(XSD + "restriction")
        if restriction.get("base") is None:
            return self.simple(restriction[0])
        facets = {}
        for facet in restriction:
            if isinstance(facet.tag, str):
                facets.setdefault(facet.tag.removeprefix(XSD), []).append(facet.get("value"))
        if "enumeration" in facets:
            return self.numbers.choice(facets["enumeration"])
        if kind.get("name") == "Word":
            return self.numbers.choice(["a", "é1", "a-B", "a-Ü1", "Ω-É$"])
        if "pattern" in facets and kind.get("name") != "Narrower":
            return self.like(regular.parse(self.numbers.choice(facets["pattern"])))
        holder = etree.Element("holder")
        self.reference(restriction, restriction.get("base"), holder)
        value = holder.text or ""
        base = restriction.get("base").rpartition(":")[2]
        if base in TEXTUAL and ({"length", "minLength", "maxLength"} & facets.keys()):
            least = int(facets.get("length", facets.get("minLength", ["0"]))[0])
            most = int(facets.get("length", facets.get("maxLength", [str(least + 5)]))[0])
            length = self.numbers.choice([least, most, self.numbers.randint(least, most)])
            value = "".join(self.numbers.choice("aZ0-é") for _ in range(length))
        elif facets.keys() & {"minInclusive", "minExclusive", "totalDigits"} and base not in ("date", "dateTime"):
            value = self.numbers.choice(["0.5", "12", "99.99", "-3", "0"] if base != "integer" else ["-3", "0", "12"])
        return value

    def builtin(self, name):
        if name in TEXTUAL:
            return self.numbers.choice(WORDS + NAMES)
        return self.numbers.choice(FITTING.get(name, ["1", "12"]))

    def like(self, parsed):
        """A text that a pattern of the common kind matches."""
        return "".join(self.piece(kind, what) for kind, what in parsed)

    def piece(self, kind, what):
        kind = str(kind)
        if kind == "LITERAL":
            return chr(what)
        if kind == "ANY":
            return self.numbers.choice("aZ0 ")
        if kind == "IN":
            if str(what[0][0]) == "NEGATE":
                return "z"
            inner, value = self.numbers.choice(what)
            return chr(self.numbers.randint(*value)) if str(inner) == "RANGE" else self.piece(inner, value)
        if kind == "CATEGORY":
            return self.numbers.choice("0123456789")
        if kind == "MAX_REPEAT":
            least, most, inner = what
            return "".join(self.like(inner) for _ in range(self.numbers.randint(least, min(most, least + 3))))
        if kind == "SUBPATTERN":
            return self.like(what[3])
        if kind == "BRANCH":
            return self.like(self.numbers.choice(what[1]))
        raise ValueError(f"no text for {kind}")


def mutate(root, schemas, numbers):
    """A copy of a document with one to three things changed."""
    root = deepcopy(root)
    for _ in range(numbers.choice([1, 1, 1, 2, 3])):
        changed = numbers.choice(CHANGES)(root, schemas, numbers)
        root = root if changed is None else changed
    return root


def value(root, schemas, numbers):
    leaves = [element for element in root.iter("*") if next(element.iterchildren("*"), None) is None]
    numbers.choice(leaves).text = numbers.choice(numbers.choice(POOLS))


def removed(root, schemas, numbers):
    below = list(root.iterdescendants("*"))
    if below:
        gone = numbers.choice(below)
        gone.getparent().remove(gone)


def doubled(root, schemas, numbers):
    below = list(root.iterdescendants("*"))
    if below:
        once = numbers.choice(below)
        once.addnext(deepcopy(once))


def moved(root, schemas, numbers):
    below = list(root.iterdescendants("*"))
    if len(below) > 1:
        one, other = numbers.sample(below, 2)
        if other not in one.iterancestors():
            (one.addnext if numbers.random() < 0.7 else one.append)(other)


def renamed(root, schemas, numbers):
    element = numbers.choice(list(root.iter("*")))
    if numbers.random() < 0.5:
        element.tag = etree.QName(etree.QName(element).namespace, numbers.choice(["Unknown", "Key", "value", "a", "x"])).text
    else:
        element.tag = etree.QName(numbers.choice([None, "urn:foreign", "urn:lango:test:other"]), etree.QName(element).localname).text


def inserted(root, schemas, numbers):
    around = numbers.choice(list(root.iter("*")))
    names = schemas.elements() + [("", "Unknown"), ("urn:foreign", "Unknown")]
    namespace, name = numbers.choice(names)
    around.insert(numbers.randint(0, len(around)), etree.Element(etree.QName(namespace or None, name)))


def text(root, schemas, numbers):
    element = numbers.choice(list(root.iter("*")))
    element.tail = numbers.choice(["stray", " ", "\n", "\u00a0"]) if element is not root else None
    if numbers.random() < 0.3:
        element.text = numbers.choice(["stray", "\n  ", None])


def attribute(root, schemas, numbers):
    element = numbers.choice(list(root.iter("*")))
    if element.attrib and numbers.random() < 0.6:
        name = numbers.choice(sorted(element.attrib))
        if numbers.random() < 0.4:
            del element.attrib[name]
        else:
            element.set(name, numbers.choice(numbers.choice(POOLS)).strip("\t\n"))
    else:
        name = numbers.choice(["unknown", "kind", "flag", "{urn:foreign}any", "{urn:lango:test:other}flag", "unit", "currency"])
        element.set(name, numbers.choice(["1", "x", "KES", "true"]))


def instance(root, schemas, numbers):
    element = numbers.choice(list(root.iter("*")))
    if numbers.random() < 0.5:
        element.set(XSI + "nil", numbers.choice(["true", "false", "1", "0", "yes", ""]))
        if numbers.random() < 0.5:
            element.text = None
            del element[:]
        return None
    namespace, name = numbers.choice(schemas.types() + [(BUILTIN, "string"), (BUILTIN, "int"), (BUILTIN, "nothing"), (BUILTIN, "anyType")])
    fresh = etree.Element(element.tag, element.attrib, nsmap={**element.nsmap, "kind": namespace or "urn:none"})
    fresh.text, fresh.tail = element.text, element.tail
    fresh.extend(list(element))
    fresh.set(XSI + "type", f"kind:{name}")
    if element is root:
        return fresh
    element.getparent().replace(element, fresh)
    return None


def comment(root, schemas, numbers):
    around = numbers.choice(list(root.iter("*")))
    if len(around):
        around.insert(numbers.randint(0, len(around)), etree.Comment("between"))
    elif around.text:
        half = len(around.text) // 2
        around.text, tail = around.text[:half], around.text[half:]
        note = etree.Comment("within")
        note.tail = tail
        around.append(note)


CHANGES = [value, value, value, removed, doubled, moved, renamed, inserted, text, attribute, attribute, instance, comment]

# Pieces of markup that a wrong document may hold anywhere.
MARKUP = ["<", ">", "&", "&amp;", "&#65;", "&#0;", "&#xD800;", "&nbsp;", "]]>", "<![CDATA[", "<![CDATA[x]]>", "<!-- a -->",
          "<!-- -- -->", "<!-->", "</", "/>", "'", '"', "=", " ", "x", ":", "\x01", "\ufffe", "é", "\t", "\r\n", "<a/>", "a='1'",
          " a='1' a='2'", " xmlns:p=''", " xmlns='urn:x'", " p:a='1'", " xml:lang='en'", "<?xml version='1.0'?>", "\ufeff", "\x85"]


def scramble(source, numbers):
    """A document's text with a few characters lost, added or exchanged."""
    for _ in range(numbers.randint(1, 3)):
        at = numbers.randrange(len(source) + 1)
        kind = numbers.random()
        if kind < 0.6:
            source = source[:at] + numbers.choice(MARKUP) + source[at:]
        elif kind < 0.8:
            source = source[:at] + source[at + numbers.randint(1, 4):]
        elif kind < 0.9:
            tags = [found.start() for found in re.finditer("[<>]", source)]
            at = numbers.choice(tags or [0])
            source = source[:at] + source[at + 1:]
        else:
            source = source[:at]
    return source
