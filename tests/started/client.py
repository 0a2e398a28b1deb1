"""`python` in tests: a process that has imported the packages runs cli.py, Python all else.

Started as `python -IS client.py PYTHON SOCKET WORDS...`; it imports next to nothing.
"""

import json
import os
import signal
import socket
import sys


def main(python: str, address: str, words: list[str]) -> int:
    """The exit status of a command. Does not return where Python itself has to run it."""
    if words[:1] != ["cli.py"]:
        os.execv(python, [python, *words])
    # Without pathlib, whose import takes longer than all else here.
    folder = os.getcwd()  # noqa: PTH109
    request = {"words": words, "folder": folder, "environment": dict(os.environ)}
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [len(content).to_bytes(8, "big")], [0, 1, 2])
        server.sendall(content)
        pid = int.from_bytes(server.recv(8), "big")
        if not pid:
            os.execv(python, [python, *words])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        answer = server.recv(8)
    if not answer:
        sys.exit("the process that runs commands for the tests has ended")
    status = int.from_bytes(answer, "big", signed=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
