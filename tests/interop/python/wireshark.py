"""Wireshark as a second opinion: a capture of loopback, and what tshark reads in it."""

import collections
import re
import socket
import struct
import subprocess
import xml.etree.ElementTree

from program import DEADLINE_SECONDS, Program
from wire_frame import Frame

PORTS = re.compile(r"Src Port: (\d+), Dst Port: (\d+)")
NUMBERS = {
    "http2.window_update.window_size_increment": "increment",
    "http2.goaway.last_stream_id": "last stream",
    "http2.goaway.error": "error",
    "http2.rst_stream.error": "error",
    "http2.push_promise.promised_stream_id": "promised stream",
    "http2.exclusive": "exclusive",
    "http2.stream_dependency": "dependency",
    "http2.headers.weight_real": "weight",
    "http2.pad_length": "padding",
}
HEADER_BLOCK_TYPES = (1, 5, 9)
END_HEADERS = 0x4
PADDED = 0x8


class Capture(Program):
    """What passes a port of loopback, into a file. `stop` fails unless that is every packet."""

    def __init__(self, port, file):
        self._port = port
        self._file = file
        super().__init__("dumpcap", "-q", "-i", "lo", "-B", 64, "-f", f"tcp port {port}", "-w", file)
        try:
            self.wait_for(lambda: any(line.startswith("File: ") for line in self.stderr), "capture")
        except AssertionError:
            self.terminate()
            raise

    def stop(self):
        """Ends the capture once everything up to now is in the file. Nobody may listen on the port any more."""
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            mark = struct.pack(">HH", last.getsockname()[1], self._port)
            assert last.connect_ex(("127.0.0.1", self._port)) != 0
        self.wait_for(lambda: mark in self._file.read_bytes(), "write the last packet")
        self.terminate()
        told = self.told("may have missed packets")
        (counts,) = [line for line in self.stderr if line.startswith("Packets received/dropped")]
        assert re.search(r": \d+/0 \(pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0\)", counts), told

    def frames(self):
        """The frames in the capture, by the client's port and the direction; and the ports of clients that sent a RST."""
        # Two passes, so that a packet that was captured late is in its place. The dissector of what is inside DATA has
        # nothing to say here.
        argv = [
            "tshark", "-r", self._file, "-2", "-d", f"tcp.port=={self._port},http2", "-o", "tcp.reassemble_out_of_order:TRUE",
            "--disable-protocol", "grpc", "-Y", "http2 || tcp.flags.reset == 1", "-T", "pdml", "-J", "http2",
        ]  # fmt: skip
        flows, resets = collections.defaultdict(list), set()
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tshark:
            for _, element in xml.etree.ElementTree.iterparse(tshark.stdout):
                if element.tag == "packet":
                    flow = self._flow(element)
                    if element.find("proto[@name='http2']") is not None:
                        flows[flow] += frames_of(element)
                    elif flow[1] == "to backend":
                        resets.add(flow[0])
                    element.clear()
            said = tshark.stderr.read().decode()
        assert tshark.wait(DEADLINE_SECONDS) == 0, said
        return {flow: list(with_whole_lists(frames)) for flow, frames in flows.items()}, resets

    def _flow(self, packet):
        source, destination = map(int, PORTS.search(packet.find("proto[@name='tcp']").get("showname")).groups())
        return (source, "to backend") if destination == self._port else (destination, "to client")


def frames_of(packet):
    """The frames that end in a packet. The connection preface, which Wireshark counts as one, is none."""
    for stream in packet.iterfind("proto[@name='http2']/field[@name='http2.stream']"):
        shown = {field.get("name"): field.get("show") for field in stream}
        if "http2.magic" not in shown:
            flags = int(shown["http2.flags"], 16)
            yield Frame(
                type=int(shown["http2.type"]),
                flags=flags,
                stream=int(shown["http2.streamid"]),
                length=int(shown["http2.length"]),
                numbers=tuple(sorted(numbers_of(stream, flags))),
                fields=tuple(fields_of(stream)),
            )


def with_whole_lists(frames):
    """Normalisation: Wireshark shows each field with the frame in which it ends; the list belongs to the last one."""
    begun = ()
    for frame in frames:
        if frame.type in HEADER_BLOCK_TYPES:
            begun += frame.fields
            ends = frame.flags & END_HEADERS
            frame = frame._replace(fields=begun if ends else ())
            begun = () if ends else begun
        yield frame


def numbers_of(stream, flags):
    for field in stream.iter("field"):
        name = field.get("name")
        if name == "http2.settings":
            # The name of the second depends on the setting, and the form in which it is shown.
            identifier, value = (int(part.get("value"), 16) for part in field)
            yield f"setting {identifier}", value
        elif name in ("http2.ping", "http2.pong"):
            yield "opaque", int(field.get("value"), 16)
        # Normalisation: Wireshark shows a pad length of 0 for frames that are not padded.
        elif name in NUMBERS and (name != "http2.pad_length" or flags & PADDED):
            yield NUMBERS[name], int(field.get("show"), 0)


def fields_of(stream):
    """A header list in bytes: what is shown of them has replacement characters."""
    for header in stream.iter("field"):
        if header.get("name") == "http2.header":
            parts = {part.get("name"): part.get("value", "") for part in header}
            yield bytes.fromhex(parts["http2.header.name"]), bytes.fromhex(parts["http2.header.value"])
