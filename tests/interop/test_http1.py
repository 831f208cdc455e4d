"""HTTP/1.1 by its own programs: upgrades to h2c, and gRPC that crosses between two proxies as HTTP/1.1."""

import http.server
import threading

import pytest
from program import free_port, output_of, wait_until_accepting
from spliceway import Spliceway
from test_grpc_libraries import ANSWERS

CONFIGURATION = """
[[listener]]
name = "web"
bind = "127.0.0.1:0"
h2c_upgrade = "deny"

[[route]]
match = ":authority=shop.example :path^=/shop/"
pool = "main"

[[pool]]
name = "main"
backends = ["127.0.0.1:{port}"]
"""


@pytest.fixture(scope="session")
def nghttpx(started):
    """nghttpx(backend): the port of an nghttpx that takes HTTP/2 and HTTP/1.1; `backend` as its option spells it."""

    def start(backend):
        port = free_port()
        argv = (
            "nghttpx", "--conf=/dev/null", "--single-process", "--no-ocsp",
            f"--frontend=127.0.0.1,{port};no-tls", f"--backend={backend}",
        )  # fmt: skip
        wait_until_accepting(started(*argv), port)
        return port

    return start


@pytest.fixture(params=["net/http", "nghttpx"])
def upgrading_port(request, h2c_port, nghttpx, nghttpd_port):
    """A server that takes an upgrade up, with something to read at /index.html."""
    return h2c_port if request.param == "net/http" else nghttpx(f"127.0.0.1,{nghttpd_port};;proto=h2")


@pytest.fixture
def plain_port():
    """A server that knows HTTP/1.1 and no upgrade."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # noqa: N802 (the name is the library's)
            body = f"{self.path} for {self.headers['Host']}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_an_upgrade_that_is_taken_up(spliceway, upgrading_port):
    proxy = spliceway(upgrading_port)
    answer = curl(f"http://{proxy.address}/index.html", "--http2", "--verbose", "--stderr", "-", *WRITE_OUT)
    (summary,) = proxy.stop()

    assert "> Upgrade: h2c" in answer
    assert "< HTTP/1.1 101 Switching Protocols" in answer
    assert "version=2 status=200" in answer
    assert (summary["protocol"], summary["path"]) == ("http1", "/index.html")
    assert summary["authority"] == proxy.address


def test_an_upgrade_that_is_passed_over(spliceway, plain_port):
    proxy = spliceway(plain_port)
    answer = curl(f"http://{proxy.address}/plain", "--http2", "--verbose", "--stderr", "-", *WRITE_OUT)
    (summary,) = proxy.stop()

    assert "> Upgrade: h2c" in answer
    assert "101 Switching Protocols" not in answer
    assert f"/plain for {proxy.address}\n" in answer
    assert "version=1.1 status=200" in answer
    assert (summary["protocol"], summary["path"]) == ("http1", "/plain")


def test_staying_with_http1(spliceway, upgrading_port):
    proxy = spliceway(upgrading_port)
    urls = [f"http://{proxy.address}/index.html?{number}" for number in range(3)]
    answer = curl(*urls, "--http1.1", *WRITE_OUT)
    (summary,) = proxy.stop()

    assert answer.count("version=1.1 status=200") == 3
    assert (summary["protocol"], summary["path"]) == ("http1", "/index.html?0")


def test_answers_of_the_proxy(upgrading_port, tmp_path):
    file = tmp_path / "spliceway.toml"
    file.write_text(CONFIGURATION.format(port=upgrading_port))
    with Spliceway("--config", file) as proxy:

        def asked(path, *arguments, host="shop.example"):
            host = ["--header", f"Host: {host}"]
            return curl(f"http://{proxy.address}{path}", "--include", *host, *WRITE_OUT, *arguments).splitlines()

        good = asked("/shop/", "--http1.1")
        nowhere = asked("/shop/", "--http1.1", host="other.example")
        denied = asked("/shop/", "--http2")
        head = asked("/", "--head", "--http1.0")
        summaries = proxy.stop(tolerated_causes=["no_route"])

    assert good[0] in ("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"), "whatever the server has there"
    assert "proxy-status: spliceway;" not in "\n".join(good)
    assert nowhere[0] == "HTTP/1.1 404 Not Found"
    assert nowhere[-2:] == [
        "no route matches this request, and the listener has no default pool",
        "version=1.1 status=404",
    ]
    assert denied[0] == "HTTP/1.1 403 Forbidden"
    assert denied[4].startswith("proxy-status: spliceway; error=http_request_denied; details=")
    assert head[0] == "HTTP/1.1 404 Not Found"
    assert head[-2:] == ["", "version=1.1 status=404"]
    assert [summary["close"]["cause"] for summary in summaries if summary["close"]["cause"] != "finished"] == [
        "no_route", "upgrade_denied", "no_route",
    ]  # fmt: skip


def test_a_grpc_server_is_answered_for(spliceway, grpc_port):
    proxy = spliceway(grpc_port("grpc-go"))
    answer = curl(f"http://{proxy.address}/", *WRITE_OUT)
    (summary,) = proxy.stop()

    assert answer == "the backend does not speak HTTP/1 without TLS\nversion=1.1 status=502\n"
    assert summary["close"] == {"side": "backend", "cause": "not_http1"}


def test_grpc_as_http1_between_two_proxies(spliceway, grpc_port, nghttpx, client):
    """Trailers become chunked trailers and trailers again; Spliceway stands where they are chunked."""
    port = grpc_port("grpc-go")
    far = nghttpx(f"127.0.0.1,{port};;proto=h2")
    without = client("grpc-go", "users", f"127.0.0.1:{nghttpx(f'127.0.0.1,{far};;proto=http/1.1')}")
    proxy = spliceway(far)
    near = nghttpx(f"127.0.0.1,{proxy.address.rpartition(':')[2]};;proto=http/1.1")
    through = client("grpc-go", "users", f"127.0.0.1:{near}")
    added = client("grpc-go", "add", f"127.0.0.1:{near}", 200)
    summaries = proxy.stop(tolerated_causes=["shutdown"])

    # The two nghttpx alone lose the status of a call that has nothing but trailers, so there is no right one to expect.
    assert {kind: without[kind] for kind in ANSWERED} == {kind: ANSWERS[kind] for kind in ANSWERED}, "fails without the proxy"
    assert through == without
    assert added == {"ok": 200}
    assert {summary["protocol"] for summary in summaries} == {"http1"}
    assert {summary["path"] for summary in summaries} <= {"/users.v1.Users/AddUser", "/users.v1.Users/GetUsers"}
    assert {summary["authority"] for summary in summaries} == {f"127.0.0.1:{near}"}


ANSWERED = ("unary", "stream", "large", "binary")
WRITE_OUT = ("--write-out", "version=%{http_version} status=%{http_code}\n")


def curl(*arguments):
    return output_of("curl", "--silent", "--show-error", "--max-time", "20", *arguments)
