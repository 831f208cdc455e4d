"""HAProxy in front, telling the client's address by PROXY protocol v1 or v2."""

import json
import socket

import pytest
from program import Program
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


def logged(haproxy):
    return [json.loads(line) for line in haproxy.stdout if line.startswith("{")]
