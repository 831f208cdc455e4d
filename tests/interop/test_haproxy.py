"""HAProxy in front, telling the client by PROXY protocol v1 or v2, and HAProxy behind, being told."""

import json
import socket
import ssl

import pytest
from program import Program, output_of
from spliceway import Spliceway
from test_ghz import ghz

CONFIGURATION = """
global
    # With several threads HAProxy gives a line up rather than wait for another thread that writes one.
    nbthread 1
    log stdout format raw local0
defaults
    mode tcp
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    option tcplog
    log-format '{{"client":"%ci:%cp","peer":"%bi:%bp"}}'
frontend clients
    bind fd@{listener}
    default_backend spliceway
backend spliceway
    server spliceway {address} {send_proxy} source 127.0.0.2
"""


@pytest.mark.parametrize(("send_proxy", "version"), [("send-proxy", "v1"), ("send-proxy-v2", "v2")])
def test_the_real_client_is_known(spliceway, grpc_port, tmp_path, send_proxy, version):
    proxy = spliceway(grpc_port("grpc-go"), arguments=["--proxy-protocol", "required", "--trusted", "127.0.0.0/8"])
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        configuration = tmp_path / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(listener=listener.fileno(), address=proxy.address, send_proxy=send_proxy))
        with Program("haproxy", "-db", "-f", configuration, pass_fds=[listener.fileno()]) as haproxy:
            ghz(f"127.0.0.1:{listener.getsockname()[1]}", 5_000, 8)
            # Ours first: a connection that we left open would be closed and logged by HAProxy in the end.
            proxy.wait_for(lambda: len(proxy.stdout) == 8, "end 8 connections")
            haproxy.wait_for(lambda: len(logged(haproxy)) == 8, "log 8 connections")
    summaries = proxy.stop()

    assert {summary["proxy_protocol"] for summary in summaries} == {version}
    assert {summary["protocol"] for summary in summaries} == {"h2c"}
    told = sorted((summary["client"], summary["peer"]) for summary in summaries)
    assert told == sorted((entry["client"], entry["peer"]) for entry in logged(haproxy))
    assert {tuple(address.rpartition(":")[0] for address in pair) for pair in told} == {("127.0.0.1", "127.0.0.2")}


def test_a_client_without_the_header_is_refused(spliceway, grpc_port, client):
    proxy = spliceway(grpc_port("grpc-go"), arguments=["--proxy-protocol", "required", "--trusted", "127.0.0.0/8"])
    assert client("grpc-go", "probe", proxy.address)["code"] == 14
    summaries = proxy.stop()

    assert {summary["close"]["cause"] for summary in summaries} == {"proxy_missing"}
    assert {summary["backend"] for summary in summaries} == {None}


# From a TLS client to Spliceway with all that version 2 can carry; and from Spliceway to who says what it was told.
CHAIN = """
global
    nbthread 1
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend clients
    mode tcp
    bind fd@{clients} ssl crt {folder}/server.pem ca-file {folder}/client.crt verify required alpn http/1.1
    unique-id-format haproxy-%pid-%rt
    default_backend spliceway
backend spliceway
    mode tcp
    server spliceway {address} send-proxy-v2 proxy-v2-options {options}
frontend receiver
    mode http
    bind fd@{receiver} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] id=%[fc_pp_unique_id] for=%[fc_pp_authority]"
"""
OPTIONS = "ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with a server's key and certificate in one file, and a client's."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, subject in [("server", "/CN=shop.example"), ("client", "/CN=alice")]:
        key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
        output_of(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days=2",
            f"-subj={subject}", f"-keyout={key}", f"-out={certificate}",
        )  # fmt: skip
        (folder / f"{name}.pem").write_text(key.read_text() + certificate.read_text())
    return folder


@pytest.mark.parametrize("send_proxy", ["v1", "v2", "relay"])
def test_what_a_tls_client_is_known_by(certificates, tmp_path, send_proxy):
    with socket.create_server(("127.0.0.1", 0)) as clients, socket.create_server(("127.0.0.1", 0)) as receiver:
        with configured(tmp_path, receiver.getsockname()[1], send_proxy) as proxy:
            configuration = tmp_path / "haproxy.cfg"
            chain = {"clients": clients.fileno(), "receiver": receiver.fileno(), "folder": certificates}
            configuration.write_text(CHAIN.format(address=proxy.address, options=OPTIONS, **chain))
            with Program("haproxy", "-db", "-f", configuration, pass_fds=[clients.fileno(), receiver.fileno()]):
                client, answer = ask_over_tls(clients.getsockname(), certificates)
            (summary,) = proxy.stop()

    tlvs = summary["tlvs"]
    unique_id = tlvs["unique_id"]
    assert unique_id.startswith("haproxy-")
    told = {key: tlvs[key] for key in ("alpn", "authority", "ssl", "ssl_verify", "ssl_version", "ssl_cn", "ssl_cipher")}
    assert told == {
        "alpn": "http/1.1",
        "authority": "shop.example",
        "ssl": "yes",
        "ssl_verify": "0",
        "ssl_version": "TLSv1.3",
        "ssl_cn": "alice",
        "ssl_cipher": "TLS_AES_256_GCM_SHA384",
    }
    assert (tlvs["ssl_sig_alg"], tlvs["ssl_key_alg"], len(tlvs["crc32c"])) == ("ecdsa-with-SHA256", "EC256", 8)
    assert summary["client"] == client
    passed_on = send_proxy != "v1"
    assert summary.get("unique_id") == (unique_id if passed_on else None)
    assert answer == (f"{client} id={unique_id} for=shop.example" if passed_on else f"{client} id= for=")


def test_an_id_is_given_to_who_has_none(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        with configured(tmp_path, receiver.getsockname()[1], "v2", policy="off") as proxy:
            configuration = tmp_path / "haproxy.cfg"
            receiving = CHAIN[CHAIN.index("frontend receiver") :].format(receiver=receiver.fileno())
            configuration.write_text(CHAIN[: CHAIN.index("frontend clients")] + receiving)
            with Program("haproxy", "-db", "-f", configuration, pass_fds=[receiver.fileno()]):
                host, _, port = proxy.address.rpartition(":")
                with socket.create_connection((host, int(port)), 10) as connection:
                    client = "{}:{}".format(*connection.getsockname())
                    answer = ask(connection)
            (summary,) = proxy.stop()

    assert summary["unique_id"].endswith(f"-{summary['id']}")
    assert answer == f"{client} id={summary['unique_id']} for="


@pytest.mark.parametrize("send_proxy", ["send-proxy", "send-proxy-v2"])
def test_health_checks_are_counted_and_not_logged(spliceway, grpc_port, tmp_path, send_proxy):
    proxy = spliceway(grpc_port("grpc-go"), arguments=["--proxy-protocol", "required", "--trusted", "127.0.0.0/8"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        configuration = tmp_path / "haproxy.cfg"
        checking = f"{send_proxy} check check-send-proxy inter 100ms\n    option log-health-checks\n    server unchecked"
        text = CONFIGURATION.format(listener=listener.fileno(), address=proxy.address, send_proxy=checking)
        configuration.write_text(text.replace("server unchecked source 127.0.0.2", ""))
        with Program("haproxy", "-db", "-f", configuration, pass_fds=[listener.fileno()]) as haproxy:
            haproxy.wait_for(lambda: [line for line in haproxy.stdout if "succeeded" in line], "check its server")
    assert proxy.stop() == []

    (stopped,) = [notice for notice in map(json.loads, proxy.stderr) if notice["event"] == "stopped"]
    (closed,) = stopped["closed"]
    assert (closed["side"], closed["cause"]) == ("client", "probe")
    assert closed["count"] == stopped["accepted"]


def configured(tmp_path, backend_port, send_proxy, policy="required"):
    """Spliceway before a backend that takes a PROXY header."""
    path = tmp_path / "spliceway.toml"
    trusted = "" if policy == "off" else 'trusted = ["127.0.0.0/8"]'
    path.write_text(
        f'[[listener]]\nbind = "127.0.0.1:0"\nproxy_protocol = "{policy}"\n{trusted}\ndefault_pool = "main"\n'
        f'[[pool]]\nname = "main"\nbackends = ["127.0.0.1:{backend_port}"]\nsend_proxy = "{send_proxy}"\n'
    )
    return Spliceway("--config", path)


def ask_over_tls(address, certificates):
    """The client's address, and what the receiver was told."""
    context = ssl.create_default_context(cafile=certificates / "server.crt")
    context.load_cert_chain(certificates / "client.pem")
    context.set_alpn_protocols(["http/1.1"])
    context.hostname_checks_common_name = True
    plain = socket.create_connection(address, 10)
    with context.wrap_socket(plain, server_hostname="shop.example") as connection:
        return "{}:{}".format(*connection.getsockname()), ask(connection)


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
    answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 "), answer
    return body


def logged(haproxy):
    return [json.loads(line) for line in haproxy.stdout if line.startswith("{")]
