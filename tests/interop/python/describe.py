"""`spliceway describe` in the classic form, and its text read back into frames."""

import ast
import collections
import os
import re

from program import Program
from wire_frame import Frame

TYPES = {
    "DATA": 0, "HEADERS": 1, "PRIORITY": 2, "RST_STREAM": 3, "SETTINGS": 4, "PUSH_PROMISE": 5, "PING": 6, "GOAWAY": 7,
    "WINDOW_UPDATE": 8, "CONTINUATION": 9,
}  # fmt: skip
REPR = r"""b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*\""""
FIELD = re.compile(rf"   ({REPR}) -> ({REPR})")
FLOW = re.compile(r"(?:client\(127\.0\.0\.1:(\d+)\)->proxy->server|server\(.*\)->proxy->client\(127\.0\.0\.1:(\d+)\))")
SETTING = re.compile(r"   \w+:(0x[0-9a-f]+) -> (\d+) \(")
NUMBERS = [
    (re.compile(r"Reserved Bit = 0, Window Size Increment = (\d+) "), "increment"),
    (re.compile(r"Reserved Bit = 0, Last Stream Identifier = (\d+) "), "last stream"),
    (re.compile(r"Reserved Bit = 0, Promised Stream Identifier = (\d+) "), "promised stream"),
    (re.compile(r"Exclusive Bit = (\d)"), "exclusive"),
    (re.compile(r"Exclusive Bit = \d, Stream Dependency = (\d+)"), "dependency"),
    (re.compile(r"Exclusive Bit = \d, Stream Dependency = \d+, Weight = (\d+) "), "weight"),
    (re.compile(r"Pad Length = (\d+) "), "padding"),
]
ERROR_CODE = re.compile(r"Error Code = \w+ \(([0-9a-f ]+)\)")
OPAQUE = re.compile(r"Opaque Data = ([0-9a-f ]+)")
NOT_UNDERSTOOD = re.compile(r"(Malformed|Truncated|Undecoded|Forgotten|Stream State)|Headers = not decodable")


class Describe(Program):
    """`spliceway describe` before one backend, on a free loopback port, with its text in a file."""

    def __init__(self, backend_port, text):
        self._text = text
        # A file takes text faster than a pipe into Python, and what it cannot take in time is left undescribed.
        super().__init__(
            "sh", "-c", 'exec "$@" >"$0"', text,
            os.environ["SPLICEWAY_BIN"], "describe", "--format=classic", "--show-secrets",
            "--listen=127.0.0.1:0", f"--backend=127.0.0.1:{backend_port}",
        )  # fmt: skip
        try:
            self.port = int(self.wait_for(self._listening, "listen"))
        except AssertionError:
            self.terminate()
            raise
        self.address = f"127.0.0.1:{self.port}"

    def stop(self):
        """Stops it; the frames it described, by the client's port and the direction."""
        status = self.terminate()
        assert status == 0, self.told(f"ended with status {status}")
        with open(self._text, encoding="utf-8", newline="\n") as text:
            return frames_of(text)

    def _listening(self):
        for line in self.stderr:
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                return found[1]
        return None


def frames_of(lines):
    """The frames in a text of the classic form. The lines of dumps and bodies, indented, are of no interest."""
    flows = collections.defaultdict(list)
    ports, flow, attributes = set(), None, None
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("Accepted connection from "):
            port = line.rpartition(":")[2]
            assert port not in ports, f"two connections came from port {port}"
            ports.add(port)
        elif found := FLOW.match(line):
            flow = (int(found[1] or found[2]), "to backend" if found[1] else "to client")
        elif line.startswith("Frame Length = "):
            attributes = {"length": int(line.split()[3]), "numbers": [], "fields": []}
        elif line.startswith("-----") and attributes:
            flows[flow].append(frame(**attributes))
            attributes = None
        elif attributes:
            read(line, attributes)
        else:
            assert not NOT_UNDERSTOOD.match(line), f"{flow}: {line}"
    return flows


def read(line, attributes):
    """Takes in a line of the section of a frame."""
    assert not NOT_UNDERSTOOD.match(line), line
    if line.startswith("Frame Type = "):
        attributes["type"] = TYPES[line.split()[3]]
    elif line.startswith("Flags = "):
        attributes["flags"] = sum(int(flag, 16) for flag in re.findall(r":(0x[0-9a-f]+)", line))
    elif line.startswith("Stream Identifier = "):
        attributes["stream"] = int(line.split()[3])
    elif found := FIELD.fullmatch(line):
        attributes["fields"].append((as_bytes(found[1]), as_bytes(found[2])))
    elif found := SETTING.match(line):
        attributes["numbers"].append((f"setting {int(found[1], 16)}", int(found[2])))
    elif found := ERROR_CODE.match(line):
        attributes["numbers"].append(("error", int(found[1].replace(" ", ""), 16)))
    elif found := OPAQUE.match(line):
        attributes["numbers"].append(("opaque", int(found[1].replace(" ", ""), 16)))
    else:
        attributes["numbers"] += [(name, int(found[1])) for pattern, name in NUMBERS if (found := pattern.match(line))]


def frame(numbers, fields, **head):
    return Frame(**head, numbers=tuple(sorted(numbers)), fields=tuple(fields))


def as_bytes(representation):
    value = ast.literal_eval(representation)
    return value if isinstance(value, bytes) else value.encode()
