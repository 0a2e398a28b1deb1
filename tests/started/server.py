"""A process that has imported the packages and forks itself for every command of a test.

Importing torch, transformers and their like takes seconds, and tests start some hundred commands.
A command whose environment could change an import is left to the client, which starts Python.
"""

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "torch._dynamo", "torch.utils.tensorboard", "torchaudio", "torchvision.models.video",
    "transformers", "transformers.models.auto.modeling_auto", "transformers.modeling_layers",
    "transformers.models.bert.modeling_bert", "transformers.models.bert.tokenization_bert",
    "zarr", "pandas", "scipy.signal", "sklearn.linear_model", "av", "soundfile", "jinja2",
    "matplotlib.figure", "matplotlib.backends.backend_svg", "PIL.Image", "ruamel.yaml", "click",
)  # fmt: skip
READ_BY_IMPORTS = (
    "PYTHON", "LC_", "LANG", "OMP_", "GOMP_", "MKL_", "KMP_", "MALLOC_", "LD_",
    "TORCH", "PYTORCH", "CUDA", "HF_", "TRANSFORMERS_", "TOKENIZERS_",
)  # fmt: skip


@dataclass
class Job:
    """A command that runs: who waits for it, and its process."""

    client: socket.socket
    pid: int


class Server:
    """Forks for each command; ends when its standard input does."""

    def __init__(self, listening: socket.socket, environment: dict[str, str]) -> None:
        self.listening = listening
        self.environment = _read_by_imports(environment)
        self.jobs: list[Job] = []
        # The end of a process makes `ended` readable.
        self.ended, self.wake = socket.socketpair()
        self.wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake.fileno())

    def serve(self) -> dict[str, Any] | None:
        """In a forked process, the command that it is to run; None when the server is to end."""
        try:
            while True:
                for source in self._ready():
                    if source == "input":
                        return None
                    if source == "ended":
                        self._reap()
                    elif source == "listening":
                        command = self._fork()
                        if command is not None:
                            return command
                    elif source in self.jobs:
                        self._kill(source)
        finally:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # A shell that starts the tests in the background has it ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for each in (self.ended, self.wake, *(job.client for job in self.jobs)):
                each.close()

    def _ready(self) -> list[Any]:
        """What there is to read: the end of the input, a client, an end, a client that has gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ, "input")
            selector.register(self.listening, selectors.EVENT_READ, "listening")
            selector.register(self.ended, selectors.EVENT_READ, "ended")
            for job in self.jobs:
                selector.register(job.client, selectors.EVENT_READ, job)
            return [key.data for key, _ in selector.select()]

    def _fork(self) -> dict[str, Any] | None:
        client, _ = self.listening.accept()
        received = _received(client)
        if received is None:
            client.close()
            return None
        command, handles = received
        has_same_imports = _read_by_imports(command["environment"]) == self.environment
        pid = os.fork() if has_same_imports else None
        if pid == 0:
            client.close()
            for number, handle in enumerate(handles):
                os.dup2(handle, number)
        for handle in handles:
            os.close(handle)
        if pid == 0:
            return command
        # Where the client has gone, its end is read next, and the process killed.
        with suppress(BrokenPipeError):
            client.sendall((pid or 0).to_bytes(8, "big"))
        if pid is None:
            client.close()
        else:
            self.jobs.append(Job(client, pid))
        return None

    def _reap(self) -> None:
        """Send the exit status of every process that has ended to its client."""
        self.ended.recv(4096)
        for job in list(self.jobs):
            pid, status = os.waitpid(job.pid, os.WNOHANG)
            if pid:
                self.jobs.remove(job)
                with job.client, suppress(BrokenPipeError):
                    code = os.waitstatus_to_exitcode(status)
                    job.client.sendall(code.to_bytes(8, "big", signed=True))

    def _kill(self, job: Job) -> None:
        """End the process whose client has gone."""
        self.jobs.remove(job)
        job.client.close()
        os.kill(job.pid, signal.SIGKILL)
        os.waitpid(job.pid, 0)


def _received(client: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The command and the client's standard streams; None where it went before it had sent all."""
    size, handles, _, _ = socket.recv_fds(client, 8, 3)
    content = b""
    while len(content) < int.from_bytes(size, "big"):
        piece = client.recv(1 << 20)
        if not piece:
            break
        content += piece
    if not size or len(content) < int.from_bytes(size, "big"):
        for handle in handles:
            os.close(handle)
        return None
    return json.loads(content), handles


def _read_by_imports(environment: dict[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in environment if name.startswith(READ_BY_IMPORTS)}


def run(command: dict[str, Any], environment: dict[str, str]) -> int:
    """Run a script as `python SCRIPT ...` does; its exit status, or minus the signal that ends it.

    `environment` is that in which the packages were imported; what they added to it stays.
    """
    os.chdir(command["folder"])
    for name in environment.keys() - command["environment"].keys():
        del os.environ[name]
    os.environ.update(command["environment"])
    sys.argv = command["words"]
    sys.path[0] = command["folder"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = str(Path(command["folder"], sys.argv[0]))
    code = compile(Path(main.__file__).read_bytes(), main.__file__, "exec")
    try:
        exec(code, main.__dict__)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def end(status: int) -> None:
    """End this process as Python does, without the seconds that taking modules apart takes."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        environment = dict(os.environ)
        for package in PACKAGES:
            importlib.import_module(package)
        # Forked processes share what exists with this one, as long as nobody touches it.
        gc.collect()
        gc.freeze()
        received = Server(listening, environment).serve()
    if received is not None:
        end(run(received, environment))
