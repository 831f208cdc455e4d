"""TLS that nobody ends but its server: who gets which connection, and whose certificate comes back.

Each server has a key of its own with a self-signed certificate, and a client trusts one of them alone: a handshake that
succeeds has reached that server, with nobody in between.
"""

import hashlib
import json
import re
import ssl
import sys

import pytest
from conftest import HERE
from program import announced_port, free_port, output_of, wait_until_accepting
from spliceway import Spliceway

NO_ROUTE = {"side": "proxy", "cause": "no_route"}
REFUSED = {"side": "backend", "cause": "refused"}

CONFIGURATION = """
[[listener]]
name = "tls"
bind = "127.0.0.1:0"
{default}

[[route]]
match = "sni=go.example"
pool = "go"

[[route]]
match = "sni=openssl.example"
pool = "openssl"

[[route]]
match = "sni=*.python.example"
pool = "python"

[[route]]
match = "sni=grpc.example"
pool = "grpc"

[[route]]
match = "sni=both.example alpn=h2"
pool = "new"

[[route]]
match = "sni=both.example"
pool = "old"

[[route]]
match = "sni=dead.example"
pool = "dead"
"""

# Server, and the names that lead to it.
PLACES = [("go", "go.example"), ("openssl", "openssl.example"), ("python", "a.python.example"), ("python", "b.c.python.example")]


class Certificate:
    """A key and a certificate signed with it, in two files."""

    def __init__(self, folder, *names):
        settings, self.file, self.key = folder / "settings", folder / "certificate.pem", folder / "key.pem"
        alternatives = ",".join(f"DNS:{name}" for name in names)
        settings.write_text(
            f"[req]\nprompt=no\ndistinguished_name=who\nx509_extensions=what\n[who]\nCN={names[0]}\n"
            f"[what]\nsubjectAltName={alternatives}\nbasicConstraints=critical,CA:FALSE\n"
        )
        output_of(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-config", settings, "-out", self.file, "-keyout", self.key,
        )  # fmt: skip
        self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.file.read_text())).hexdigest()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    def of(*names):
        return Certificate(tmp_path_factory.mktemp("certificate"), *names)

    return {
        "go": of("go.example"),
        "openssl": of("openssl.example"),
        "python": of("a.python.example", "b.c.python.example"),
        "grpc": of("grpc.example"),
        "new": of("both.example"),
        "old": of("both.example"),
    }


@pytest.fixture(scope="module")
def ports(started, certificates):
    """The port of each server."""

    def files(name):
        return certificates[name].file, certificates[name].key

    # A curve that no client sends a share for: each handshake takes a second ClientHello.
    openssl_port = free_port()
    certificate, key = files("openssl")
    openssl = started(
        "openssl", "s_server", "-accept", f"127.0.0.1:{openssl_port}", "-cert", certificate, "-key", key,
        "-groups", "secp384r1", "-alpn", "http/1.1", "-www", "-quiet",
    )  # fmt: skip
    wait_until_accepting(openssl, openssl_port)
    found = {name: announced_port(started("interop", "tls-server", name, *files(name))) for name in ("go", "new", "old")}
    found["openssl"] = openssl_port
    found["python"] = announced_port(started(sys.executable, HERE / "python" / "tls_server.py", "python", *files("python")))
    found["grpc"] = announced_port(started("interop", "grpcs", *files("grpc")))
    found["dead"] = free_port()
    return found


@pytest.fixture
def proxy(ports, tmp_path):
    """proxy(default_pool=None): a proxy that routes by name."""
    running = []

    def start(default=None):
        pools = "".join(f'[[pool]]\nname = "{name}"\nbackends = ["127.0.0.1:{port}"]\n' for name, port in ports.items())
        default = f'default_pool = "{default}"' if default else ""
        file = tmp_path / "spliceway.toml"
        file.write_text(CONFIGURATION.format(default=default) + pools)
        running.append(Spliceway("--config", file))
        return running[-1]

    yield start
    for program in running:
        program.terminate()


def openssl_client(address, name, certificate, *protocols, succeeds=True):
    told = output_of(
        "openssl", "s_client", "-connect", address, *(["-servername", name] if name else ["-noservername"]),
        "-CAfile", certificate.file, "-verify_return_error", *(["-alpn", ",".join(protocols)] if protocols else []),
        succeeds=succeeds,
    )  # fmt: skip
    if not succeeds:
        return {"error": told}
    pem = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", told, re.DOTALL).group()
    chosen = re.search(r"^ALPN protocol: (.*)$", told, re.MULTILINE)
    return {
        "certificate": hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(),
        "alpn": chosen.group(1) if chosen else "",
    }


def go_client(address, name, certificate, *protocols, succeeds=True):
    return json.loads(output_of("interop", "tls-client", address, name, certificate.file, *protocols))


def rustls_client(address, name, certificate, *protocols, succeeds=True):
    return json.loads(output_of("rustls-client", address, name, certificate.file, *protocols))


def curl(address, name, certificate, *arguments, path="/", succeeds=True):
    """The body, the version of HTTP and the number of bytes."""
    port = address.rpartition(":")[2]
    return output_of(
        "curl", "--silent", "--show-error", "--max-time", "20", "--cacert", certificate.file, *arguments,
        "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}{path}",
        succeeds=succeeds,
    )  # fmt: skip


CLIENTS = {"openssl": openssl_client, "crypto/tls": go_client, "rustls": rustls_client}


@pytest.mark.parametrize("client", CLIENTS)
def test_each_name_leads_to_its_own_server(proxy, certificates, ports, client):
    front = proxy()
    for server, name in PLACES:
        seen = CLIENTS[client](front.address, name, certificates[server], "http/1.1")
        assert seen.get("certificate") == certificates[server].fingerprint, (name, seen)
        assert seen["alpn"] == "http/1.1"
    summaries = front.stop()

    assert [(summary["sni"], summary["pool"]) for summary in summaries] == [(name, server) for server, name in PLACES]
    assert {(summary["protocol"], summary["alpn"]) for summary in summaries} == {("tls", "http/1.1")}


def test_the_hellos_are_those_that_are_hard_to_read(proxy, certificates):
    """Go's is post-quantum, which takes two segments; to a server of another curve it takes a second one."""
    front = proxy()
    post_quantum = go_client(front.address, "go.example", certificates["go"])
    again = go_client(front.address, "openssl.example", certificates["openssl"])
    front.stop()

    assert (post_quantum["group"], post_quantum["retried"]) == ("X25519MLKEM768", False)
    assert (again["group"], again["retried"]) == ("CurveP384", True)


def test_rustls_talks_with_the_server(proxy, certificates):
    front = proxy()
    seen = rustls_client(front.address, "a.python.example", certificates["python"])
    front.stop()
    assert seen["body"] == "python HTTP/1.1 a.python.example"


def test_curl_gets_answers_and_bulk(proxy, certificates):
    front = proxy()
    ask = {"address": front.address, "name": "go.example", "certificate": certificates["go"]}
    assert curl(**ask) == "go HTTP/2.0 go.example"
    assert curl(front.address, "go.example", certificates["go"], "--http1.1") == "go HTTP/1.1 go.example"
    large = curl(front.address, "go.example", certificates["go"], "--output", "/dev/null", "--write-out", "%{size_download}", path="/large")
    assert large == str(8 << 20)
    summaries = front.stop()

    assert [summary["alpn"] for summary in summaries] == ["h2,http/1.1", "http/1.1", "h2,http/1.1"]
    assert sum(summaries[2]["bytes_to_client"].values()) > 8 << 20


def test_an_offered_protocol_chooses_between_servers_of_one_name(proxy, certificates):
    front = proxy()
    address = front.address
    assert curl(address, "both.example", certificates["new"], "--http2") == "new HTTP/2.0 both.example"
    assert curl(address, "both.example", certificates["old"], "--http1.1") == "old HTTP/1.1 both.example"
    for client in CLIENTS.values():
        new = client(address, "both.example", certificates["new"], "h2", "http/1.1")
        old = client(address, "both.example", certificates["old"], "http/1.1")
        assert (new["certificate"], new["alpn"]) == (certificates["new"].fingerprint, "h2")
        assert (old["certificate"], old["alpn"]) == (certificates["old"].fingerprint, "http/1.1")
    assert {summary["pool"] for summary in front.stop()} == {"new", "old"}


def test_grpc_with_transport_credentials(proxy, certificates):
    front = proxy()
    seen = json.loads(output_of("interop", "grpcs-call", front.address, "grpc.example", certificates["grpc"].file))
    (summary,) = front.stop()

    assert seen == {"id": 3, "streamed": 500, "certificate": certificates["grpc"].fingerprint}
    assert (summary["pool"], summary["sni"], summary["alpn"], summary["authority"]) == ("grpc", "grpc.example", "h2", None)


def test_without_a_name_it_is_the_default(proxy, certificates):
    front = proxy(default="go")
    seen = openssl_client(front.address, None, certificates["go"])
    (summary,) = front.stop()

    assert seen["certificate"] == certificates["go"].fingerprint
    assert (summary["route"], summary.get("sni")) == ("default", None)


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("nobody.example", NO_ROUTE, {"openssl": "unrecognized name", "crypto/tls": "unrecognized name", "rustls": "UnrecognisedName", "curl": "unrecognized name"}),
        ("dead.example", REFUSED, {"openssl": "internal error", "crypto/tls": "internal error", "rustls": "InternalError", "curl": "internal error"}),
    ],
)  # fmt: skip
def test_who_is_refused_learns_why(proxy, certificates, name, reason, words):
    front = proxy()
    for client, ask in CLIENTS.items():
        assert words[client] in ask(front.address, name, certificates["go"], succeeds=False)["error"], client
    assert words["curl"] in curl(front.address, name, certificates["go"], succeeds=False)
    summaries = front.stop(tolerated_causes=("no_route",))

    assert [summary["close"] for summary in summaries] == [reason] * 4
    assert {summary["sni"] for summary in summaries} == {name}


def test_an_old_client_without_a_name_is_told_that_one_is_missing(proxy, certificates):
    front = proxy()
    told = openssl_client(front.address, None, certificates["go"], succeeds=False)["error"]
    front.stop(tolerated_causes=("no_route",))
    assert "missing extension" in told
