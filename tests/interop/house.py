"""The house that the clients call: a deployment as `lango init` writes it, on ports of its own, served by
the built binary, and the third party's receiver in PHP beside it.
"""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from checks import PATIENCE_SECONDS, Difference, eventually

HERE = Path(__file__).resolve().parent
# What `lango init` writes into lango.toml, whitelist.toml and demo.json.
SHIPPED_PORTS = {"third_party": 18423, "handset": 18425, "plain": 8310, "metrics": 9464, "receiver": 18443}
TIME_STAMP = "20261123104512"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class House:
    """A deployment, its node and its receiver. Use it in a `with` statement."""

    def __init__(self, lango, folder):
        self.lango, self.folder, self.dir = lango, Path(folder), Path(folder) / "lango"
        self.node = self.receiver = None
        self.heard, self.lock = [], threading.Lock()
        self.run_lango("init", str(self.dir), config=False)
        self.move_ports()
        self.demo = json.loads((self.dir / "demo.json").read_text())

    def move_ports(self):
        """Several houses may stand on one machine, so each gets ports that are free."""
        self.ports = {door: free_port() for door in SHIPPED_PORTS}
        for name in ["lango.toml", "whitelist.toml", "demo.json"]:
            path = self.dir / name
            text = path.read_text()
            for door, port in SHIPPED_PORTS.items():
                text = re.sub(rf"\b{port}\b", str(self.ports[door]), text)
            if name == "lango.toml":
                # A request that nobody decides expires while the check waits.
                text = text.replace("expiry_seconds = 300", "expiry_seconds = 3")
                text = text.replace("link_proxies = []", 'link_proxies = ["127.0.0.1/32"]')
                # gSOAP's WSDL reader has no client certificate to show.
                text = text.replace("[doors.plain]\nenabled = false", "[doors.plain]\nenabled = true")
            path.write_text(text)

    def __enter__(self):
        log = open(self.folder / "node.log", "w")
        self.node = subprocess.Popen(self.command("serve"), stdout=log, stderr=log)
        eventually("the node is ready", self.node_ready)
        return self

    def __exit__(self, *_):
        for process in [self.receiver, self.node]:
            if process is not None:
                process.terminate()
                process.wait(timeout=PATIENCE_SECONDS)

    def node_ready(self):
        if self.node.poll() is not None:
            raise Difference(f"lango serve ended: {(self.folder / 'node.log').read_text()}")
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/readyz", timeout=1).status == 200
        except OSError:
            return False

    def command(self, *arguments):
        return [self.lango, *arguments, "--config", str(self.dir / "lango.toml")]

    def run_lango(self, *arguments, config=True, code=0):
        """What a command prints; it must end with this code."""
        command = self.command(*arguments) if config else [self.lango, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        if done.returncode != code:
            raise Difference(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def path(self, name):
        return str(self.dir / name)

    def url(self, path, door="third_party"):
        scheme = "http" if door == "plain" else "https"
        return f"{scheme}://localhost:{self.ports[door]}{path}"

    # The third party's receiver.

    def start_receiver(self, wsdl_folder):
        receiver = self.demo["receiver"]
        environment = dict(os.environ, INTEROP_CERTIFICATE=self.path(receiver["cert"]),
                           INTEROP_KEY=self.path(receiver["key"]), INTEROP_CA=self.path(receiver["client_ca"]))
        command = ["php", str(HERE / "clients/receiver.php"), str(self.ports["receiver"]), str(wsdl_folder)]
        self.receiver = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        threading.Thread(target=self.listen, daemon=True).start()
        self.call("the receiver is ready", lambda call: call.get("ready"))

    def listen(self):
        for line in self.receiver.stdout:
            with self.lock:
                self.heard.append(json.loads(line))

    def call(self, what, wanted):
        """The first call that the receiver got and that is wanted."""
        def find():
            with self.lock:
                flaws = [call["flaw"] for call in self.heard if "flaw" in call]
                if flaws:
                    raise Difference(f"the receiver: {flaws}")
                return next((call for call in self.heard if wanted(call)), None)
        try:
            return eventually(what, find)
        except Difference as difference:
            raise Difference(f"{difference}; the receiver heard {self.heard}") from None

    # What a third party sends.

    def header(self):
        """The header's fields: spPassword is base64 of the hexadecimal SHA-256, as protocol and clients have it."""
        party = self.demo["third_party"]
        digest = hashlib.sha256((party["sp_id"] + party["password"] + TIME_STAMP).encode()).hexdigest()
        return {"SP_ID": party["sp_id"], "SERVICE_ID": party["service_id"], "TIME_STAMP": TIME_STAMP,
                "SP_PASSWORD": base64.b64encode(digest.encode()).decode()}

    def credential(self):
        """The initiator's password, encrypted for the node as integrators do it."""
        initiator = self.demo["initiator"]
        command = ["openssl", "pkeyutl", "-encrypt", "-certin", "-inkey", self.path(initiator["credential_cert"]),
                   "-pkeyopt", "rsa_padding_mode:pkcs1"]
        done = subprocess.run(command, input=initiator["password"].encode(), capture_output=True, check=True)
        return base64.b64encode(done.stdout).decode()

    def environment(self, path, identity="third_party", door="third_party"):
        """What every client program is told."""
        client = self.demo[identity]
        certificate, key = self.path(client["cert"]), self.path(client["key"])
        both = self.folder / f"{identity}.both.pem"
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        told = {"WSDL": self.url(f"{path}?wsdl", door), "ENDPOINT": self.url(path, door), "CERTIFICATE": certificate,
                "KEY": key, "BOTH": str(both), "CA": self.path(client["ca"]), **self.header()}
        return {f"INTEROP_{name}": value for name, value in told.items()}

    def curl(self, *arguments, identity="third_party", code=0, data=None):
        """Runs curl with a client certificate; the bytes that it prints."""
        client = self.demo[identity]
        tls = ["--cert", self.path(client["cert"]), "--key", self.path(client["key"]), "--cacert", self.path(client["ca"])]
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", *tls, *arguments], input=data,
                              capture_output=True)
        if done.returncode != code:
            raise Difference(f"curl ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def metric(self, line):
        """The value of a line of the metrics; 0 if it is not there."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/metrics").read().decode()
        return next((float(found.rsplit(" ", 1)[1]) for found in text.splitlines() if found.startswith(line)), 0)
