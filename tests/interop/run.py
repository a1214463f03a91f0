#!/usr/bin/env python3
"""Other people's SOAP programs against a real node: see README.md.

    tests/interop/run.py [--lango BINARY] [--tools FOLDER] [NAME ...]

Prints a line for each check and ends with 1 if one differs. With names, only those checks run.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import documents
import over_curl
from checks import Difference, eventually, fields, matches, same
from house import HERE, House

REQUEST_PATH = "/mminterface/request"
REGISTER_PATH = "/mminterface/registerURL"
QUERY_PATH = "/queryTransactionService/services/transaction"
HANDSET_PATH = "/handset/payment"
# What a third party needs to make its receiver from.
CALLBACK_WSDLS = ["CBPInterface_Result.wsdl", "CBPInterface_C2BPaymentValidationAndConfirmation.wsdl",
                  "QueueTimeoutNotification.wsdl"]
FAULT = 3


class Suite:
    """The checks, each a method without arguments."""

    def __init__(self, house, tools):
        self.house, self.tools, self.number, self.results = house, Path(tools).resolve(), 0, 0

    # Clients.

    def client(self, command, document, path=REQUEST_PATH, variant="", code=0, identity="third_party", door="third_party"):
        """What a client program prints when it sends this."""
        told = dict(os.environ, **self.house.environment(path, identity, door), INTEROP_VARIANT=variant,
                    NODE_PATH=str(self.tools / "node/node_modules"))
        done = subprocess.run(command, input=document, env=told, capture_output=True, text=True, timeout=60)
        if done.returncode != code:
            raise Difference(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def php(self, document, **more):
        return self.client(["php", str(HERE / "clients/client.php")], document, **more)

    def zeep(self, document, **more):
        return self.client([str(self.tools / "python/bin/python"), str(HERE / "clients/zeep_client.py")], document, **more)

    # What is checked.

    # Characters that every library has to get through: reserved ones, and ones beyond ASCII.
    REMARK = "Mishahara & marupurupu < 5% – Wanjikũ"

    def payment(self, remark=REMARK):
        """The document of another payment."""
        self.number += 1
        # The rules know a payment that comes twice, so each is of another amount.
        return documents.business_payment(self.house, self.conversation(), f"{10 + self.number}.00", remark)

    def conversation(self):
        return f"interop-{self.number}"

    def paid(self, ask):
        """A payment: asked for by a client, accepted, its result received and acknowledged."""
        answer = fields(ask(self.payment()))
        same("ResponseCode", answer["ResponseCode"], "0")
        same("ResponseDesc", answer["ResponseDesc"], "Accept the service request successfully.")
        same("OriginatorConversationID", answer["OriginatorConversationID"], self.conversation())
        matches("ConversationID", answer["ConversationID"], r"AG_\d{8}_0000[0-9a-f]{16}")
        self.told(answer["ConversationID"])

    def told(self, conversation, remark=REMARK):
        """The result of the last payment reached SoapServer, which read and acknowledged it."""
        result = self.house.call("the result", lambda call: call.get("ConversationID") == conversation)
        same("path", result["path"], "/result")
        same("the receiver's status", result["status"], 200)
        same("ResultCode", result["ResultCode"], "0")
        same("OriginatorConversationID", result["OriginatorConversationID"], self.conversation())
        same("Occasion", result["ReferenceData"]["ReferenceItem"][0], {"Key": "Occasion", "Value": remark})
        self.results += 1
        eventually("the acknowledgement is understood", lambda: self.house.metric(
            'lango_callbacks_total{kind="result",outcome="delivered"}') == self.results)

    def php_client(self):
        self.paid(self.php)

    def php_client_gzip(self):
        self.paid(lambda document: self.php(document, variant="gzip"))

    def php_client_soap12(self):
        self.paid(lambda document: self.php(document, variant="soap12"))

    def php_faults(self):
        """A header that must be understood and is not: the fault's code as each version has it, the name in it."""
        for variant in ["must-understand", "must-understand-soap12"]:
            said = self.php("<request/>", variant=variant, code=FAULT)
            matches(variant, said, rf"fault \S*MustUnderstand: .*urn:example:routing.*Route.*")

    def zeep_client(self):
        self.paid(self.zeep)

    def zeep_query(self):
        """queryTransaction: the messages of a conversation, as they were kept."""
        self.zeep_client()
        said = self.zeep(self.conversation(), path=QUERY_PATH, variant="query").splitlines()
        same("the answer", said[0], "00000000 Success")
        same("the legs", [line.split(":")[0] for line in said[1:]],
             ["submitApiRequest", "submitApiResponse", "submitApiResult"])
        same("the request", said[1], "submitApiRequest: POST /mminterface/request HTTP/1.1")
        same("the answer", said[2], "submitApiResponse: HTTP/1.1 200 OK")

    def zeep_handset(self):
        """The handset side's own service, at its own door."""
        payment = "\n".join(["SessionID=interop", "TransactionType=CustomerPayBillOnline",
                             f"MSISDN={self.house.demo['subscribers'][0]['msisdn']}",
                             f"ShortCode={self.house.demo['organizations'][0]['shortcode']}",
                             "AccountReference=INV 7", "Amount=1.00"])
        said = self.zeep(payment, path=HANDSET_PATH, variant="payment", identity="handset", door="handset")
        same("the answer", said, "0 The service request is processed successfully.")

    def node_client(self):
        self.paid(lambda document: self.client(["node", str(HERE / "clients/node/client.js")], document))

    def perl_client(self):
        self.paid(lambda document: self.client(["perl", str(HERE / "clients/client.pl")], document))

    def gsoap_client(self):
        """Stubs in C++, generated from the WSDL as the node serves it, and compiled."""
        folder = self.house.folder / "gsoap"
        folder.mkdir(exist_ok=True)
        wsdl = self.house.url(f"{REQUEST_PATH}?wsdl", door="plain")
        run(["wsdl2h", "-t", str(HERE / "clients/gsoap.typemap"), "-o", "service.h", wsdl], folder)
        run(["soapcpp2", "-C", "-j", "-L", "-x", "-w", "-I", "/usr/share/gsoap/import", "service.h"], folder)
        run(["g++", "-O0", "-w", "-DWITH_OPENSSL", "-I", ".", "-o", "client", str(HERE / "clients/gsoap_client.cpp"),
             "soapC.cpp", "soapRequestBindingProxy.cpp", "-lgsoapssl++", "-lssl", "-lcrypto", "-lz"], folder)
        self.paid(lambda document: self.client([str(folder / "client")], document))

    def curl_client(self):
        over_curl.check(self)

    def timeouts(self):
        """A request that the core never saw comes back to SoapServer, as it was sent but for its header."""
        self.house.run_lango("maintenance", "on", "--reason", "tests/interop")
        try:
            answer = fields(self.php(self.payment()))
            same("ResponseCode", answer["ResponseCode"], "100000000")
            conversation = self.conversation()
            notice = self.house.call("the notice", lambda call: call.get("path") == "/timeout")
        finally:
            self.house.run_lango("maintenance", "off")
        same("OriginatorConversationID", notice["OriginatorConversationID"], conversation)
        same("the receiver's status", notice["status"], 200)
        same("the request", "BusinessPayment" in notice["OriginRequest"], True)
        same("its header", "spPassword" in notice["OriginRequest"], False)
        eventually("the acknowledgement is understood", lambda: self.house.metric(
            'lango_callbacks_total{kind="timeout",outcome="delivered"}') == 1)

    def payments(self):
        """RegisterURL by SoapClient; then SoapServer validates and confirms customers' payments."""
        answer = fields(self.php(documents.register_url(self.house), path=REGISTER_PATH))
        same("RegisterURL", (answer["ResponseCode"], answer["ResponseDesc"]), ("00000000", "success"))
        payer, paybill = self.house.demo["subscribers"][0]["msisdn"], self.house.demo["organizations"][0]["shortcode"]
        pay = ["pay", "--from", payer, "--to-paybill", paybill, "--amount", "12.50"]
        said = self.house.run_lango(*pay, "--account", "INV 7")
        receipt = re.search(r"receipt (\S+)", said)[1]
        validation = self.house.call("the validation", lambda call: call.get("TransID") == receipt)
        same("path", validation["path"], "/validation")
        confirmation = self.house.call(
            "the confirmation", lambda call: call.get("TransID") == receipt and call["path"] == "/confirmation")
        for call in [validation, confirmation]:
            same("BillRefNumber", call["BillRefNumber"], "INV 7")
            same("TransAmount", call["TransAmount"], "12.50")
            same("MSISDN", call["MSISDN"], payer)
            same("the receiver's status", call["status"], 200)
        same("ThirdPartyTransID", confirmation["ThirdPartyTransID"], "php-1")
        # SoapServer speaks by the WSDL: nobody needed to be patient with its answers.
        same("answers read by local names", self.house.metric('lango_tolerances_used_total{name="answer'), 0)
        self.styled(pay)
        said = self.house.run_lango(*pay, "--account", "UNKNOWN", code=1)
        refused = self.house.call("the refused payment", lambda call: call.get("BillRefNumber") == "UNKNOWN")
        same("the receiver's answer", "C2B00012" in refused["answer"], True)
        same("the refused payment", said.startswith("0 "), False)

    def styled(self, pay):
        """SoapServer takes payments in the specification's form, too, and without what it cannot read."""
        paybill = self.house.demo["organizations"][0]["shortcode"]
        settings = ["c2b=document", "c2b.type-element=TransType", "c2b.empty-kyc=left-out"]
        self.house.run_lango("style", "set", paybill, *settings)
        receipt = re.search(r"receipt (\S+)", self.house.run_lango(*pay[:-1], "13.50", "--account", "INV 7"))[1]
        for path in ["/validation", "/confirmation"]:
            call = self.house.call(path, lambda call: call.get("TransID") == receipt and call["path"] == path)
            same("the prefix", "<c2b:C2BPayment" in call["body"] and "<soapenv:Header/>" in call["body"], True)
            same("TransType", (call["TransType"], call["status"]), ("PayBill", 200))
            same("empty elements", "<InvoiceNumber/>" in call["body"] and "<KYCValue/>" not in call["body"], True)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Difference(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")


def fetch_callback_wsdls(house, folder):
    """The descriptions of what third parties receive, fetched from the node as they would."""
    folder.mkdir()
    for name in CALLBACK_WSDLS:
        (folder / name).write_bytes(house.curl("--fail", house.url(f"{REQUEST_PATH}?xsd={name}")))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lango", default=str(HERE.parent.parent / "target/debug/lango"), help="the binary")
    parser.add_argument("--tools", default=str(HERE.parent.parent / "target/test-tools"),
                        help="where zeep (python/) and the soap package (node/) are installed")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the deployment")
    parser.add_argument("names", nargs="*", help="checks to run; all without")
    arguments = parser.parse_args()
    names = arguments.names or ["curl_client", "php_client", "php_client_gzip", "php_client_soap12", "php_faults",
                                "zeep_query", "zeep_handset", "node_client", "perl_client", "gsoap_client", "payments",
                                "timeouts"]
    folder = Path(tempfile.mkdtemp(prefix="lango-interop-"))
    failed = False
    try:
        with House(arguments.lango, folder) as house:
            house.start_receiver(fetch_callback_wsdls(house, folder / "wsdl"))
            suite = Suite(house, arguments.tools)
            for name in names:
                begun = time.monotonic()
                try:
                    getattr(suite, name)()
                    print(f"ok      {name} ({time.monotonic() - begun:.1f} s)", flush=True)
                except Exception as error:
                    failed = True
                    text = str(error) if isinstance(error, Difference) else traceback.format_exc()
                    print(f"DIFFERS {name}: {text}", flush=True)
    finally:
        if arguments.keep or failed:
            print(f"the deployment, its log and what was compiled are in {folder}")
        else:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
