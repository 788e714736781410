"""The worker process of the `processes` executor.

It talks to its parent through what were its standard input and output; whatever a plugin prints goes to standard
error instead. A thread of its own reads: when the parent is gone, however it went, the input ends and the worker
ends at once, in the middle of a task if need be (the store's writes are whole or absent).
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    send_bytes(stream, pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def send_bytes(stream: BinaryIO, body: bytes) -> None:
    """Write one message that is pickled already."""
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def receive_bytes(stream: BinaryIO) -> bytes | None:
    """Read one message, still pickled; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def main() -> None:
    """Serve tasks until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, messages), daemon=True).start()
    _serve(messages, outgoing)


def _listen(incoming: BinaryIO, messages: queue.SimpleQueue[bytes]) -> None:
    try:
        while (body := receive_bytes(incoming)) is not None:
            messages.put(body)
    finally:
        os._exit(0)


def _serve(messages: queue.SimpleQueue[bytes], outgoing: BinaryIO) -> None:
    from aigc_content.errors import AigcError
    from aigc_content.make import Bench
    from aigc_content.store import Store

    bench = Bench(Store(Path(pickle.loads(messages.get()))))
    while True:
        body = messages.get()
        number = None
        try:
            kind, number, payload = pickle.loads(body)
            if kind == "job":
                bench.jobs[number] = payload
                continue
            payload.prepare(bench)
            start = time.perf_counter()
            value = payload.run(bench)
            send(outgoing, ("done", number, value, time.perf_counter() - start))
        except BrokenPipeError:
            os._exit(0)
        except Exception as error:
            known = error if isinstance(error, AigcError) else None
            text = f"{type(error).__name__}: {error}"
            send(outgoing, ("failed", number, (known, text, traceback.format_exc()), 0.0))
        sys.stdout.flush()
