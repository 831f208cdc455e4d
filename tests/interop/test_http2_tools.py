"""nghttp2's tools and curl: strict about acknowledgements, and not one of them speaks gRPC."""

import re

import pytest
from program import output_of


@pytest.mark.parametrize(("connections", "streams"), [(16, 16), (64, 1)])
def test_h2load(spliceway, nghttpd_port, connections, streams):
    proxy = spliceway(nghttpd_port)
    report = output_of(
        "h2load", "--requests=20000", f"--clients={connections}", f"--max-concurrent-streams={streams}",
        f"http://{proxy.address}/index.html",
    )  # fmt: skip
    summaries = proxy.stop()

    counts = "requests: 20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout"
    assert counts in report.splitlines()
    assert len(summaries) == connections
    assert {(summary["protocol"], summary["path"]) for summary in summaries} == {("h2c", "/index.html")}


def test_nghttp_with_priorities(spliceway, nghttpd_port):
    """Its first request is stream 13, behind PRIORITY frames; it gives up without a SETTINGS acknowledgement."""
    proxy = spliceway(nghttpd_port)
    # nghttp colours its log, also when nobody looks.
    told = re.sub(r"\x1b\[[0-9;]*m", "", output_of("nghttp", "--verbose", f"http://{proxy.address}/index.html"))
    (summary,) = proxy.stop()

    assert "send PRIORITY frame <length=5, flags=0x00, stream_id=3>" in told
    assert re.search(r"send HEADERS frame <length=\d+, flags=0x25, stream_id=13>", told)
    assert "recv SETTINGS frame <length=0, flags=0x01, stream_id=0>" in told
    assert "recv (stream_id=13) :status: 200" in told
    assert "x" * 100 in told
    assert summary["path"] == "/index.html"


def test_curl_with_prior_knowledge(spliceway, nghttpd_port):
    proxy = spliceway(nghttpd_port)
    answer = curl(f"http://{proxy.address}/index.html", "--http2-prior-knowledge", "--write-out", "\n%{http_version} %{http_code}")
    (summary,) = proxy.stop()

    assert answer == "x" * 100 + "\n2 200"
    assert summary["protocol"] == "h2c"
    assert summary["authority"] == proxy.address


def curl(url, *arguments):
    return output_of("curl", "--silent", "--show-error", "--max-time", "20", *arguments, url)
