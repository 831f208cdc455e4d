"""What two decoders must say alike of an HTTP/2 frame."""

from typing import NamedTuple

GOAWAY = 7


class Frame(NamedTuple):
    """A frame as sent. What is not of its type is empty."""

    type: int
    flags: int
    stream: int
    length: int
    # What the payload says in numbers, by name: ("increment", 5), ("setting 3", 100).
    numbers: tuple = ()
    # The header list, as pairs of bytes; with the frame that ends the header block.
    fields: tuple = ()


def differences(ours, theirs):
    """Both are lists of frames by connection and direction. A line for each frame on which they do not agree."""
    found = []
    for flow in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(flow, []), theirs.get(flow, [])
        for index in range(max(len(one), len(other))):
            pair = [frames[index] if index < len(frames) else None for frames in (one, other)]
            if pair[0] != pair[1]:
                found.append(f"{flow} frame {index}:\n  ours   {pair[0]}\n  theirs {pair[1]}")
    return found


def without_undelivered(ours, theirs, resets):
    """Normalisation: what a backend says last to a client that resets the connection is read by the proxy, but never on
    the client's side. Only farewells may go that way; without them, and how many there were."""
    kept, count = {}, 0
    for flow, frames in ours.items():
        seen = len(theirs.get(flow, []))
        rest = frames[seen:]
        if flow[0] in resets and flow[1] == "to client" and all(frame.type == GOAWAY for frame in rest):
            frames = frames[:seen]
            count += len(rest)
        kept[flow] = frames
    return kept, count
