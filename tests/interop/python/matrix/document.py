"""Makes docs/INTEROP.md from docs/interop/results.json. What stands there, a run has shown; the same results give the
same text."""

import json
import pathlib

from matrix.cells import MEANING, SCENARIOS, expected, pairs, scenario_exists, why_not
from matrix.peers import CLIENTS, FILE_SERVER, GRPC_CLIENTS, SERVERS, WEB_CLIENTS

DOCS = pathlib.Path(__file__).parents[4] / "docs"
RESULTS = DOCS / "interop" / "results.json"
DOCUMENT = DOCS / "INTEROP.md"

GOOD, BAD, NONE = "✓", "✗", "–"

HEAD = """\
# Who has been seen to work through Spliceway

Written by `tests/interop/run --matrix` from `docs/interop/results.json`; do not edit it. The run was on {date} and
took {minutes} minutes; the same command repeats it. `tests/interop/run` repeats a part of it, with every client and
every server, and fails if this document says what no run has shown.

Each cell was run seven times: without Spliceway; and through it on each engine (io_uring and epoll), alone, behind
HAProxy with a PROXY v1 header, and behind HAProxy with a PROXY v2 header. {good} in the tables means: without Spliceway
the outcome was the right one, and all six times through it, it was the same: gRPC status and text, contents and their
number, metadata. Each time, too, Spliceway recognised every connection and routed it by a header of its first
request.

{count} outcomes were compared. {verdict}

## Versions

{versions}

## What was run

{scenarios}

GETs are for {files} alone, which is no gRPC server: gRPC clients get its 404, as status 12, or tonic's 13. A client
without gRPC writes and reads its messages by hand. Every suite run takes gRPC's own interoperability cases through
Spliceway besides, as grpc-go ships them (`tests/interop/test_grpc_interop.py`).

What is not compared: ports and dates in messages; and who was first at a deadline. Both ends keep it, and a server of
grpc-go's that is first resets the call with CANCEL, which a client may call 1 instead of 4 (Envoy makes it 14). That
happens without Spliceway, too, so there it is counted as 4. What a client does not show is not compared either: h2load
counts responses and bytes, httpx has no trailers.

## Summary

Scenarios with the same outcome in all ways, of those that apply. Rows are clients, columns servers.

{summary}
"""


def results():
    return json.loads(RESULTS.read_text())


def render(results):
    verdicts = Verdicts(results)
    tables = [
        section("gRPC clients", GRPC_CLIENTS, verdicts),
        section("Clients without gRPC", WEB_CLIENTS, verdicts),
    ]
    head = HEAD.format(
        **{name: results[name] for name in ("date", "minutes")},
        good=GOOD,
        count=f"{verdicts.count():,}",
        verdict=verdict(verdicts),
        versions=table(["what", "version"], results["versions"].items()),
        scenarios=table(["scenario", "what happens"], [(f"`{name}`", MEANING[name]) for name in SCENARIOS]),
        files=FILE_SERVER,
        summary=summary(verdicts),
    )
    return "\n".join([head, *tables, reasons(), *red(verdicts)])


class Verdicts:
    """What the results say of each cell."""

    def __init__(self, results):
        self._pairs = {(pair["client"], pair["server"]): pair for pair in results["pairs"]}

    def of(self, client, server, scenario):
        """GOOD or BAD by the runs, or NONE where the table of what applies has a reason."""
        if why_not(client, server, scenario):
            return NONE
        return BAD if self.faults(client, server, scenario) else GOOD

    def faults(self, client, server, scenario):
        """What is not as it must be, as text. A cell that no run backs is a fault, too."""
        pair = self._pairs.get((client, server), {"direct": {}, "through": {}})
        outcome = pair["direct"].get(scenario)
        if outcome is None:
            return [f"direct: {pair.get('problem', 'not run')}"]
        asked = expected(client, server, scenario)
        found = [] if {key: outcome.get(key) for key in asked} == asked else [f"direct: {outcome}"]
        for way, different in pair["through"].items():
            if "problem" in different:
                found.append(f"{way}: {different['problem']}")
            if scenario in different:
                found.append(f"{way}: {different[scenario]}")
        return found

    def count(self):
        return sum(len(pair["direct"]) * (1 + len(pair["through"])) for pair in self._pairs.values())


def verdict(verdicts):
    faults = sum(verdicts.of(*cell) == BAD for cell in cells())
    return f"**{faults} of {len(cells())} cells are not as they must be.**" if faults else f"All {len(cells())} cells are as they must be."


def cells():
    """Every cell that applies."""
    return [
        (client, server, scenario)
        for client, server in pairs()
        for scenario in SCENARIOS
        if scenario_exists(client, server, scenario) and not why_not(client, server, scenario)
    ]


def summary(verdicts):
    rows = []
    for client in CLIENTS:
        row = [client]
        for server in SERVERS:
            marks = [verdicts.of(*cell) for cell in cells() if cell[:2] == (client, server)]
            row.append(f"{marks.count(GOOD)} of {len(marks)}" if marks else NONE)
        rows.append(row)
    return table(["", *SERVERS], rows)


def section(title, clients, verdicts):
    parts = [f"## {title}\n"]
    for client in clients:
        rows = []
        for scenario in SCENARIOS:
            row = [verdicts.of(client, server, scenario) if scenario_exists(client, server, scenario) else NONE for server in SERVERS]
            if set(row) != {NONE}:
                rows.append([f"`{scenario}`", *row])
        parts.append(f"### {client}\n\n{table(['', *SERVERS], rows)}\n")
    return "\n".join(parts)


def reasons():
    """Each reason once, with whom it concerns."""
    found = {}
    for client, server in pairs():
        for scenario in SCENARIOS:
            if scenario_exists(client, server, scenario) and (reason := why_not(client, server, scenario)):
                found.setdefault((who(client, server, reason), reason), {}).setdefault(scenario)
    rows = [(subject, ", ".join(f"`{name}`" for name in scenarios), reason) for (subject, reason), scenarios in found.items()]
    text = "Each reason is the client's or the server's own, and holds without Spliceway."
    return f"## What does not apply\n\n{text}\n\n{table(['who', 'scenarios', 'why'], rows)}\n"


def who(client, server, reason):
    """A reason is the server's if it is no client's own."""
    alone = [other for other in SERVERS if all(why_not(client, other, name) != reason for name in SCENARIOS)]
    if server == FILE_SERVER and len(alone) == len(SERVERS) - 1:
        return server
    return client if len(alone) <= 1 else f"{client} with {server}"


def red(verdicts):
    lines = [
        f"- {client} with {server}, `{scenario}`: {'; '.join(verdicts.faults(client, server, scenario))}"
        for client, server, scenario in cells()
        if verdicts.of(client, server, scenario) == BAD
    ]
    return ["\n## What is not as it must be\n\n" + "\n".join(lines) + "\n"] if lines else []


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
