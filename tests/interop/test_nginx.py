"""nginx in front, telling the client by PROXY protocol v1, and nginx behind, being told, in HTTP/1.1 and HTTP/2."""

import re
import socket
import subprocess

import pytest
from program import Program, free_port, output_of, wait_until_accepting
from spliceway import Spliceway
from test_haproxy import ask

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
load_module {modules}/ngx_stream_module.so;
events {{}}
stream {{
    server {{
        listen 127.0.0.1:{front};
        proxy_pass {address};
        proxy_protocol on;
    }}
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{http1} proxy_protocol;
        listen 127.0.0.1:{http2} proxy_protocol http2;
        location / {{
            return 200 "$proxy_protocol_addr:$proxy_protocol_port to $proxy_protocol_server_addr:$proxy_protocol_server_port";
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def modules():
    """Where nginx has its modules, as it was built."""
    built = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=True).stderr
    return re.search(r"--modules-path=(\S+)", built).group(1)


@pytest.mark.parametrize("send_proxy", ["v1", "v2", "relay"])
@pytest.mark.parametrize("http", ["http1", "http2"])
def test_the_real_client_is_known_in_front_and_behind(modules, tmp_path, http, send_proxy):
    ports = {name: free_port() for name in ("front", "http1", "http2")}
    (tmp_path / "spliceway.toml").write_text(
        f'''[[listener]]
bind = "127.0.0.1:0"
proxy_protocol = "required"
trusted = ["127.0.0.0/8"]
default_pool = "nginx"

[[pool]]
name = "nginx"
backends = ["127.0.0.1:{ports[http]}"]
send_proxy = "{send_proxy}"
'''
    )
    with Spliceway("--config", tmp_path / "spliceway.toml") as proxy:
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=tmp_path, modules=modules, address=proxy.address, **ports))
        with Program("nginx", "-p", tmp_path, "-c", configuration) as nginx:
            # This one is a probe: it has no line.
            wait_until_accepting(nginx, ports["front"])
            if http == "http1":
                with socket.create_connection(("127.0.0.1", ports["front"]), 10) as connection:
                    client, answer = "{}:{}".format(*connection.getsockname()), ask(connection)
            else:
                url = f"http://127.0.0.1:{ports['front']}/"
                told = output_of("curl", "--silent", "--http2-prior-knowledge", "--write-out", "\n%{local_port}", url)
                answer, _, port = told.partition("\n")
                client = f"127.0.0.1:{port}"
        (summary,) = proxy.stop()

    assert answer == f"{client} to 127.0.0.1:{ports['front']}"
    assert (summary["client"], summary["proxy_protocol"]) == (client, "v1")
    assert summary["protocol"] == ("h2c" if http == "http2" else "http1")
    assert ("unique_id" in summary) == (send_proxy == "v2")
