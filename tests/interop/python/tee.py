"""A TCP relay that keeps a copy of everything: one stands on each side of the proxy."""

import contextlib
import socket
import threading

from program import DEADLINE_SECONDS


class Recording:
    """The two directions of one connection."""

    def __init__(self):
        self.from_client = bytearray()
        self.from_server = bytearray()


class Tee:
    """Accepts on `port`, connects to `target_port`, and records in order of arrival."""

    def __init__(self, target_port):
        self.recordings = []
        self._target = ("127.0.0.1", target_port)
        self._threads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def finished(self):
        """The recordings, once every recorded connection has ended both ways."""
        for thread in list(self._threads):
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive(), "a recorded connection never ended"
        return self.recordings

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                recording = Recording()
                self.recordings.append(recording)
                for source, sink, kept in (
                    (client, server, recording.from_client),
                    (server, client, recording.from_server),
                ):
                    for end in (source, sink):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    thread = threading.Thread(target=_copy, args=(source, sink, kept), daemon=True)
                    self._threads.append(thread)
                    thread.start()


def _copy(source, sink, kept):
    # A reset ends a recording as an end of stream does: what matters is the bytes before it.
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            kept += chunk
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
