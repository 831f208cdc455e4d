"""The peers of the matrix that `run` compiles.

A server prints {"listening":PORT}. A client takes SCENARIO[,SCENARIO]... ADDRESS, and prints one JSON object for each
scenario; `list` prints the scenarios it knows.
"""

import pathlib

WORK = pathlib.Path(__file__).parent.parent / ".work"

# Each runs for seconds, most of which the default collector and compiler would take for themselves.
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{WORK}/java/classes:{WORK}/java/libraries/*"]
TONIC = WORK / "rust-target" / "debug" / "matrix-tonic"

SERVERS = {
    "grpc-java": [*JAVA, "example.spliceway.interop.MatrixServer"],
    "tonic": [TONIC, "server"],
}
CLIENTS = {
    "grpc-java": [*JAVA, "example.spliceway.interop.MatrixClient"],
    "tonic": [TONIC, "client"],
}
