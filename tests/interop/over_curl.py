"""What curl sees: bytes, statuses and headers, as programs do that write their envelopes by hand."""

import gzip
import re

import documents
from checks import fields, matches, same

REQUEST_PATH = "/mminterface/request"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
XML = "Content-Type: text/xml; charset=utf-8"
XML_12 = "Content-Type: application/soap+xml; charset=utf-8"


class Reply:
    """What curl printed with `--include`: interim answers left out."""

    def __init__(self, printed):
        while printed.startswith(b"HTTP/1.1 100"):
            printed = printed.split(b"\r\n\r\n", 1)[1]
        head, self.body = printed.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}


def send(house, body, *arguments, path=REQUEST_PATH):
    return Reply(house.curl("--include", "--data-binary", "@-", "--header", "SOAPAction: \"\"", *arguments,
                            house.url(path), data=body if isinstance(body, bytes) else body.encode()))


def message(reply):
    """The document inside ResponseMsg, cut out of the text as old programs do it."""
    return fields(reply.body.decode().split("[CDATA[")[1].split("]]")[0])


def description(house):
    """The WSDL and its links, with the address that was used, whichever it was."""
    port = house.ports["third_party"]
    for host in ["localhost", "127.0.0.1"]:
        wsdl = house.curl("--fail", f"https://{host}:{port}{REQUEST_PATH}?wsdl").decode()
        address = f"https://{host}:{port}{REQUEST_PATH}"
        same("the address", re.findall(r'<soap:address location="([^"]*)"', wsdl), [address])
        links = re.findall(r'schemaLocation="([^"]*)"', wsdl)
        same("the links", all(link.startswith(f"{address}?xsd=") for link in links) and links != [], True)
        for link in links:
            same(link, b"schema" in house.curl("--fail", link), True)
    forwarded = ["--header", "X-Forwarded-Host: gate.example", "--header", "X-Forwarded-Port: 8443"]
    wsdl = house.curl("--fail", *forwarded, house.url(f"{REQUEST_PATH}?wsdl")).decode()
    same("behind a listed proxy", f'location="https://gate.example:8443{REQUEST_PATH}"' in wsdl, True)
    whole = Reply(house.curl("--include", house.url(f"{REQUEST_PATH}?wsdl")))
    head = Reply(house.curl("--head", house.url(f"{REQUEST_PATH}?wsdl")))
    same("HEAD", (head.status, head.body, head.headers["content-length"]), (200, b"", str(len(whole.body))))
    packed = Reply(house.curl("--include", "--header", "Accept-Encoding: gzip", house.url(f"{REQUEST_PATH}?wsdl")))
    same("gzip", (packed.headers["content-encoding"], gzip.decompress(packed.body)), ("gzip", whole.body))
    for file in ["Handset.wsdl", "../lango.toml", ""]:
        same(f"?xsd={file}", Reply(house.curl("--include", house.url(f"{REQUEST_PATH}?xsd={file}"))).status, 404)


def methods(house):
    for method, status in [("OPTIONS", 204), ("PUT", 405), ("DELETE", 405), ("PATCH", 405)]:
        reply = Reply(house.curl("--include", "--request", method, house.url(REQUEST_PATH)))
        same(method, (reply.status, reply.headers["allow"]), (status, "GET, HEAD, OPTIONS, POST"))
    reply = send(house, "{}", "--header", "Content-Type: application/json")
    same("JSON", (reply.status, reply.headers["accept"]), (415, "text/xml, application/soap+xml"))
    reply = send(house, "x", "--header", XML, "--header", "Content-Encoding: br")
    same("brotli", (reply.status, reply.headers["accept-encoding"]), (415, "gzip"))


def habits(suite):
    """The answer to the byte, as old programs cut it."""
    house = suite.house
    for namespace, media, answered in [(SOAP_11, XML, "text/xml; charset=utf-8"),
                                       (SOAP_12, XML_12, "application/soap+xml; charset=utf-8")]:
        document = suite.payment()
        reply = send(house, documents.envelope(house.header(), document, namespace), "--header", media,
                     "--header", "Expect: 100-continue")
        same("the status", reply.status, 200)
        same("the media type", reply.headers["content-type"], answered)
        same("a Server header", "server" in reply.headers, False)
        matches("the answer", reply.body.decode(), re.escape(
            f'<soapenv:Envelope xmlns:soapenv="{namespace}"><soapenv:Body>'
            f'<req:ResponseMsg xmlns:req="{documents.REQUEST}"><![CDATA[<?xml version="1.0" encoding="UTF-8"?>'
            '<response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response"><ResponseCode>0</ResponseCode>'
            "<ConversationID>") + r"AG_\d{8}_[0-9a-f]{20}" + re.escape(
            "</ConversationID><ResponseDesc>Accept the service request successfully.</ResponseDesc>"
            f"<OriginatorConversationID>{suite.conversation()}</OriginatorConversationID><ServiceStatus>0</ServiceStatus>"
            "</response>]]></req:ResponseMsg></soapenv:Body></soapenv:Envelope>"))
        suite.told(message(reply)["ConversationID"])


def encodings(suite):
    """The same payment in every encoding that clients use; the remark comes back in the result as it was."""
    house, remark = suite.house, "Café für Zoë"
    for encoding, declared, headers in [
        ("utf-8", "UTF-8", [XML]),
        ("utf-8-sig", "UTF-8", ["Content-Type: text/xml"]),
        ("utf-16", "UTF-16", ["Content-Type: text/xml"]),
        ("utf-16-be", "UTF-16", ["Content-Type: text/xml; charset=utf-16be"]),
        ("iso-8859-1", "ISO-8859-1", ["Content-Type: text/xml"]),
        ("iso-8859-1", "ISO-8859-1", ["Content-Type: text/xml; charset=iso-8859-1"]),
        ("iso-8859-1", "ISO-8859-1", [XML]),
        ("utf-8", "utf-16", [XML]),
        ("utf-8", "UTF-8", ["Content-Type: application/xml"]),
        ("utf-8", "UTF-8", ["Content-Type:"]),
    ]:
        text = documents.envelope(house.header(), suite.payment(remark), encoding=declared)
        reply = send(house, text.encode(encoding), *(part for header in headers for part in ["--header", header]))
        same(f"{encoding} {declared} {headers}: the status", reply.status, 200)
        same(f"{encoding} {declared} {headers}: ResponseCode", message(reply)["ResponseCode"], "0")
        suite.told(message(reply)["ConversationID"], remark)
    for headers in [["Content-Encoding: gzip"], ["Content-Encoding: gzip", "Accept-Encoding: gzip"]]:
        text = gzip.compress(documents.envelope(house.header(), suite.payment(remark)).encode())
        reply = send(house, text, "--header", XML, *(part for header in headers for part in ["--header", header]))
        if len(headers) == 2:
            same("the answer's coding", reply.headers["content-encoding"], "gzip")
            reply.body = gzip.decompress(reply.body)
        suite.told(message(reply)["ConversationID"], remark)
    bomb = gzip.compress(bytes(100 << 20))
    reply = send(house, bomb, "--header", XML, "--header", "Content-Encoding: gzip")
    same("a hundred megabytes in a hundred kilobytes", reply.status, 413)


def check(suite):
    description(suite.house)
    methods(suite.house)
    habits(suite)
    encodings(suite)
