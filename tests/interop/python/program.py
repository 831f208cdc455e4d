"""Child processes on loopback: started, awaited by what they say or accept, and ended by their own pid."""

import json
import socket
import subprocess
import threading
import time

DEADLINE_SECONDS = 45


class Program:
    """A running child whose output is kept, line by line. Leaving the `with` block ends it."""

    def __init__(self, *argv, pass_fds=()):
        self.argv = [str(argument) for argument in argv]
        self.stdout = []
        self.stderr = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=pass_fds
        )
        self._readers = [
            threading.Thread(target=self._collect, args=pair, daemon=True)
            for pair in ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminate()

    def terminate(self):
        """Asks the child to stop, waits for it and for the last line, and returns its exit status."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            status = self._process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(self.told(f"did not stop within {DEADLINE_SECONDS} s of SIGTERM")) from None
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)
        return status

    def wait_for(self, find, what):
        """The first true answer of `find()`, asked again after each line of output and a few times a second."""
        limit = time.monotonic() + DEADLINE_SECONDS
        with self._changed:
            while True:
                ended = self._process.poll() is not None and not any(reader.is_alive() for reader in self._readers)
                if found := find():
                    return found
                if ended or time.monotonic() > limit:
                    raise AssertionError(self.told(f"never came to {what}"))
                self._changed.wait(0.1)

    def told(self, failure):
        """A message that shows what the child said last."""
        said = "\n".join([*self.stdout[-20:], *self.stderr[-20:]])
        return f"{' '.join(self.argv)}: {failure}; its last lines:\n{said}"

    def _collect(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()


def announced_port(program):
    """The port of a peer that prints {"listening":PORT}."""
    program.wait_for(lambda: program.stdout, "announce its port")
    return json.loads(program.stdout[0])["listening"]


def wait_until_accepting(program, port):
    """For foreign servers that announce nothing."""

    def accepting():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    program.wait_for(accepting, f"accept on port {port}")


def free_port():
    """A port nobody listens on just now, for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def output_of(*argv, seconds=120, succeeds=True):
    """Runs a client to its end. Its standard output; standard error too if the exit status is not as expected."""
    argv = [str(argument) for argument in argv]
    # What a server sends and a client prints need not be text.
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="backslashreplace", timeout=seconds
    )
    assert (done.returncode == 0) == succeeds, f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if succeeds else done.stdout + done.stderr
