"""A third party in Python: zeep, made from the WSDL that the node serves.

What it sends comes from the environment and from standard input (see ../README.md); it prints the text of
ResponseMsg, or the fault.
"""

import base64
import os
import sys

import requests
import zeep


def environment(name):
    return os.environ[f"INTEROP_{name}"]


def client():
    session = requests.Session()
    session.cert = (environment("CERTIFICATE"), environment("KEY"))
    session.verify = environment("CA")
    # Else a CA file that the environment names would go before ours.
    session.trust_env = False
    return zeep.Client(environment("WSDL"), transport=zeep.Transport(session=session, timeout=20))


def header():
    return {
        "RequestSOAPHeader": {
            "spId": environment("SP_ID"),
            "spPassword": environment("SP_PASSWORD"),
            "serviceId": environment("SERVICE_ID"),
            "timeStamp": environment("TIME_STAMP"),
        }
    }


def request(service):
    return service.GenericAPIRequest(sys.stdin.read(), _soapheaders=header())


def query(service):
    """queryTransaction: the kept messages of the conversation whose id is on standard input."""
    answer = service.queryTransaction(originatorConversationID=sys.stdin.read(), _soapheaders=header())
    lines = [f"{answer.result.ResponseCode} {answer.result.ResponseDesc}"]
    for group, item in [("submitApiRequestList", "submitApiRequest"), ("submitApiResponseList", "submitApiResponse"),
                        ("submitApiResultList", "submitApiResult")]:
        for message in getattr(getattr(answer, group), item):
            # base64Binary is given decoded; a string is what stood there.
            raw = message if isinstance(message, bytes) else base64.b64decode(message)
            lines.append(f"{item}: {raw.decode().splitlines()[0]}")
    return "\n".join(lines)


def payment(service):
    """SubmitPayment at the handset door: the fields stand on standard input, one a line, name=value."""
    fields = dict(line.split("=", 1) for line in sys.stdin.read().splitlines())
    answer = service.SubmitPayment(**fields)
    return f"{answer.ResultCode} {answer.ResultDesc}"


def main():
    kind = {"": request, "query": query, "payment": payment}[os.environ.get("INTEROP_VARIANT", "")]
    try:
        print(kind(client().service), end="")
    except zeep.exceptions.Fault as fault:
        print(f"fault {fault.code}: {fault.message}", end="")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
