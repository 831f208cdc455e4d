"""The proxy under test, and what it said about each connection."""

import json
import os

from program import Program

SHARDS = 2
# Routes and pools by namespace, of a configuration that begins with its listener. The ports are still to be put in.
NAMESPACES = """
[[route]]
match = "x-prism-namespace=alpha"
pool = "alpha"

[[route]]
match = "x-prism-namespace=beta"
pool = "beta"

[[pool]]
name = "alpha"
backends = ["127.0.0.1:{alpha}"]

[[pool]]
name = "beta"
backends = ["127.0.0.1:{beta}"]
"""


class Spliceway(Program):
    """`spliceway run` on a free loopback port. `address` is where to connect; SPLICEWAY_ENGINE is what it waits with."""

    def __init__(self, *arguments):
        binary = os.environ["SPLICEWAY_BIN"]
        engine = os.environ.get("SPLICEWAY_ENGINE", "io_uring")
        super().__init__(binary, "run", *arguments, "--engine", engine, "--shards", SHARDS, "--log", "json")
        try:
            self.address = self.wait_for(self._listening, "listen")
        except AssertionError:
            self.terminate()
            raise

    @classmethod
    def before(cls, *backend_ports, arguments=()):
        """One default pool of `backend_ports`, any route."""
        backends = [f"--backend=127.0.0.1:{port}" for port in backend_ports]
        return cls("--listen", "127.0.0.1:0", *backends, *arguments)

    def stop(self, tolerated_causes=()):
        """Stops the proxy gracefully; every connection's summary. The proxy itself must have broken none off."""
        status = self.terminate()
        assert status == 0, self.told(f"ended with status {status}")
        assert not [line for line in self.stderr if "panicked" in line], self.told("panicked")
        summaries = [json.loads(line) for line in self.stdout]
        broken = [
            summary
            for summary in summaries
            if summary["close"]["side"] == "proxy" and summary["close"]["cause"] not in tolerated_causes
        ]
        assert broken == [], self.told(f"broke connections off: {broken}")
        return summaries

    def _listening(self):
        for line in self.stderr:
            notice = json.loads(line) if line.startswith("{") else {}
            if notice.get("event") == "listening":
                return notice["address"]
        return None
