"""HTTP/2 frames as bytes on the wire (RFC 9113 section 4.1), without any judgement of them."""

import struct
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
NAMES = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()

ACK = 0x1
END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
NO_RFC7540_PRIORITIES = 0x9


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    def encode(self):
        return struct.pack(">I", len(self.payload))[1:] + struct.pack(">BBI", self.type, self.flags, self.stream) + self.payload

    def __repr__(self):
        name = NAMES[self.type] if self.type < len(NAMES) else f"type {self.type:#x}"
        if self.type == SETTINGS:
            return "SETTINGS ACK" if self.flags & ACK else f"SETTINGS {parameters(self)}"
        return f"{name}(stream {self.stream}, flags {self.flags:#04x}, {self.payload[:16].hex()}… of {len(self.payload)})"


def parse(recorded, *, from_client):
    """Every frame of one direction of a finished connection. Trailing bytes that make no frame are an error."""
    recorded = bytes(recorded)
    at = 0
    if from_client:
        assert recorded.startswith(PREFACE), f"no preface: {recorded[:32]!r}"
        at = len(PREFACE)
    frames = []
    while at < len(recorded):
        end = at + 9 + int.from_bytes(recorded[at : at + 3], "big")
        assert len(recorded) >= max(end, at + 9), f"cut inside a frame: {recorded[at : at + 32]!r}"
        kind, flags, stream = struct.unpack(">BBI", recorded[at + 3 : at + 9])
        frames.append(Frame(kind, flags, stream & 0x7FFFFFFF, recorded[at + 9 : end]))
        at = end
    return frames


def settings(values):
    return Frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *entry) for entry in values))


def parameters(frame):
    return [struct.unpack(">HI", frame.payload[at : at + 6]) for at in range(0, len(frame.payload), 6)]


SETTINGS_ACK = Frame(SETTINGS, ACK, 0, b"")
