"""HAProxy before Spliceway, which tells the client's address by PROXY protocol v1 or v2."""

import contextlib
import pathlib
import socket

from program import Program

SEND = {"v1": "send-proxy", "v2": "send-proxy-v2"}

CONFIGURATION = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen clients
    bind fd@{listener}
    server spliceway {address} {send}
"""


@contextlib.contextmanager
def haproxy(version, address, folder):
    """The address at which an HAProxy accepts that sends everything to `address`, behind a PROXY header."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        configuration = pathlib.Path(folder, "haproxy.cfg")
        configuration.write_text(CONFIGURATION.format(listener=listener.fileno(), address=address, send=SEND[version]))
        with Program("haproxy", "-db", "-f", configuration, pass_fds=[listener.fileno()]):
            yield f"127.0.0.1:{listener.getsockname()[1]}"
