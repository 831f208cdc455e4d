"""Backends that are of no use, each in its own way. Each makes a context manager that gives its port."""

import contextlib
import socket
import struct
import threading

# What a TLS server says to what is no ClientHello: fatal, record_overflow.
TLS_ALERT = bytes.fromhex("15030100020216")
HTTP1_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
# GOAWAY with last stream 0: nothing was processed, so everything may be repeated.
SETTINGS_AND_GOAWAY = bytes.fromhex("000000040000000000" "0000080700000000000000000000000000")


@contextlib.contextmanager
def refusing():
    """Nobody listens; the port stays bound, so that nobody else gets it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.contextmanager
def silent():
    """Neither accepts nor refuses: while its queue is full, the kernel drops what asks for a connection."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            queued = sockets.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def saying(words):
    """Accepts, reads something, says `words` to it, and ends in good order."""

    def serve(accepted):
        accepted.recv(1 << 16)
        accepted.sendall(words)
        accepted.shutdown(socket.SHUT_WR)
        while accepted.recv(1 << 16):
            pass

    with _listening(serve) as port:
        yield port


@contextlib.contextmanager
def dismissing():
    """Says to everyone, at once, that it has processed nothing, and waits for them to go."""

    def serve(accepted):
        accepted.sendall(SETTINGS_AND_GOAWAY)
        while accepted.recv(1 << 16):
            pass

    with _listening(serve) as port:
        yield port


@contextlib.contextmanager
def resetting():
    """Accepts, reads something, and resets the connection."""

    def serve(accepted):
        accepted.recv(1 << 16)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with _listening(serve) as port:
        yield port


@contextlib.contextmanager
def _listening(serve):
    def one(accepted):
        with accepted, contextlib.suppress(OSError):
            serve(accepted)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
