"""An HTTP/2 server spoken frame by frame, with one quirk that a real server has, or had.

It answers every gRPC call as `AddUser` of "Ada" and everything else with a text. Beside its quirk it is strict: an
acknowledgement of SETTINGS it never sent is a connection error, as for grpc-core, nghttp2 and Go's server.
"""

import contextlib
import socket
import struct
import threading

import frames
import hpack
from frames import Frame
from services import users

# What each quirk's first SETTINGS says.
QUIRKS = {
    # RFC 9218 section 2.1: this value must never change after a client's first sight of SETTINGS.
    "no-rfc7540-priorities": [(frames.MAX_CONCURRENT_STREAMS, 100), (frames.NO_RFC7540_PRIORITIES, 1)],
    # Absent means unlimited, which a client that saw another SETTINGS before must be told.
    "no-max-concurrent-streams": [(frames.INITIAL_WINDOW_SIZE, 65535)],
    # Old grpc-core servers acknowledge with the response, behind its HEADERS.
    "late-acknowledgement": [(frames.MAX_CONCURRENT_STREAMS, 100)],
    # Go's server writes one acknowledgement for all SETTINGS it has read.
    "coalesced-acknowledgement": [(frames.MAX_CONCURRENT_STREAMS, 100)],
}


class ScriptedServer:
    """Listens on `port` until the `with` block ends. `violations` says what a strict peer objects to."""

    def __init__(self, quirk):
        self.quirk = quirk
        self.violations = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        try:
            _Connection(accepted, self.quirk).serve()
        except Violation as violation:
            self.violations.append(str(violation))
        except OSError:
            pass  # The client has gone; what it was owed is judged by the client's own result.
        finally:
            accepted.close()


class Violation(Exception):
    """The client broke a rule of HTTP/2."""


class _Connection:
    def __init__(self, accepted, quirk):
        self.socket = accepted
        self.reader = accepted.makefile("rb")
        self.quirk = quirk
        self.decoder = hpack.Decoder()
        self.settings_sent = 0
        self.acknowledgements_received = 0
        self.acknowledgements_owed = 0
        self.requests = 0
        self.block = b""
        self.grpc_streams = set()

    def serve(self):
        self.send_settings(QUIRKS[self.quirk])
        if self.reader.read(len(frames.PREFACE)) != frames.PREFACE:
            raise Violation("no connection preface")
        while head := self.reader.read(9):
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            self.receive(Frame(kind, flags, stream, self.reader.read(int.from_bytes(head[:3], "big"))))

    def receive(self, frame):
        match frame.type:
            case frames.SETTINGS if frame.flags & frames.ACK:
                self.acknowledgements_received += 1
                if self.acknowledgements_received > self.settings_sent:
                    self.send(Frame(frames.GOAWAY, 0, 0, struct.pack(">II", 0, 1)))
                    raise Violation("acknowledged SETTINGS that were never sent")
            case frames.SETTINGS:
                self.acknowledgements_owed += 1
                if not self.quirk.endswith("acknowledgement"):
                    self.acknowledge()
            case frames.PING if not frame.flags & frames.ACK:
                self.send(frame._replace(flags=frames.ACK))
            case frames.HEADERS | frames.CONTINUATION:
                self.receive_block(frame)
            case frames.DATA if frame.payload:
                self.send(*(Frame(frames.WINDOW_UPDATE, 0, at, struct.pack(">I", len(frame.payload))) for at in (0, frame.stream)))
            case frames.GOAWAY if frame.payload[4:8] != bytes(4):
                raise Violation(f"said GOAWAY with error {frame.payload[4:].hex()}")
        if frame.type in (frames.HEADERS, frames.DATA) and frame.flags & frames.END_STREAM:
            self.respond(frame.stream)

    def receive_block(self, frame):
        fragment = frame.payload
        if frame.flags & frames.PADDED and frame.type == frames.HEADERS:
            fragment = fragment[1 : len(fragment) - fragment[0]]
        if frame.flags & frames.PRIORITY_FLAG and frame.type == frames.HEADERS:
            fragment = fragment[5:]
        self.block += fragment
        if frame.flags & frames.END_HEADERS:
            headers = dict(self.decoder.decode(self.block))
            self.block = b""
            if headers.get("content-type", "").startswith("application/grpc"):
                self.grpc_streams.add(frame.stream)

    def respond(self, stream):
        self.requests += 1
        # By the third request the client has answered everything that was said up to the first response.
        if self.requests == 3 and self.acknowledgements_received != self.settings_sent:
            raise Violation(f"acknowledged {self.acknowledgements_received} of {self.settings_sent} SETTINGS")
        if self.quirk == "coalesced-acknowledgement" and self.acknowledgements_owed:
            self.acknowledgements_owed = 1
            self.acknowledge()
        grpc = stream in self.grpc_streams
        content_type = "application/grpc" if grpc else "text/plain"
        self.send(headers(stream, 0, (":status", "200"), ("content-type", content_type)))
        self.acknowledge()
        if grpc:
            message = users.AddUserResponse(user=users.User(id=3, name="Ada")).SerializeToString()
            self.send(Frame(frames.DATA, 0, stream, struct.pack(">BI", 0, len(message)) + message))
            self.send(headers(stream, frames.END_STREAM, ("grpc-status", "0")))
        else:
            self.send(Frame(frames.DATA, frames.END_STREAM, stream, b"scripted\n"))
        if self.requests == 1:
            self.send_settings([(frames.INITIAL_WINDOW_SIZE, 131072)])

    def send_settings(self, values):
        self.settings_sent += 1
        self.send(frames.settings(values))

    def acknowledge(self):
        self.send(*[frames.SETTINGS_ACK] * self.acknowledgements_owed)
        self.acknowledgements_owed = 0

    def send(self, *sent):
        self.socket.sendall(b"".join(frame.encode() for frame in sent))


def headers(stream, flags, *fields):
    # Literals without indexing: no state that the next connection could miss.
    block = b"".join(b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields)
    return Frame(frames.HEADERS, flags | frames.END_HEADERS, stream, block)
