"""Parts are written while the network works, and no more of them than memory allows."""

import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from extract.backbones import log_mel
from extract.fill.part_writer import Encoded, PartWriter
from extract.plan.extraction import Extraction
from extract.plan.parts import PlannedPart
from features.manifest import Utterance
from features.store.pool import Pool


class Slow(Pool):
    """A pool in which a part is written only when it may be; counts what is under way."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may_write = {f"{number:02d}part": threading.Event() for number in range(6)}
        self.lock = threading.Lock()
        self.num_begun = 0

    def add(self, values: Any, **record: Any) -> Any:
        with self.lock:
            self.num_begun += 1
        self.may_write[record["key"]].wait()
        return super().add(values, **record)


def encoded(number: int, backbone: Any) -> Encoded:
    """A part of one short track."""
    track = torch.full((len(backbone.layers), 2, backbone.dim), float(number))
    plan = PlannedPart(f"{number:02d}part", (Utterance(f"u{number}"),), ("x",))
    return Encoded(plan, {0: track}, {0: ()}, {0: {}}, [("ok", "")])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_part_waits_until_one_of_the_others_is_written(tmp_path: Path, threads: int) -> None:
    pool, backbone = Slow(tmp_path), cast(Any, log_mel.tiny())
    extraction = Extraction("c-mel", backbone, cast(Any, None), cast(Any, None), [], {}, {})
    added: list[int] = []

    def make(writer: PartWriter) -> None:
        for number in range(6):
            writer.add(encoded(number, backbone))
            added.append(number)

    with PartWriter(pool, extraction, "float16", threads) as writer:
        maker = threading.Thread(target=make, args=(writer,))
        maker.start()
        try:
            for num_written in range(6 - threads):
                deadline = time.monotonic() + 10
                while len(added) < threads + num_written and time.monotonic() < deadline:
                    time.sleep(0.001)
                time.sleep(0.02)
                assert len(added) == threads + num_written  # the next one waits
                assert pool.num_begun == threads + num_written
                pool.may_write[f"{num_written:02d}part"].set()
        finally:
            for event in pool.may_write.values():
                event.set()
            maker.join(10)
    assert [part.ids[0] for part in writer.parts] == [f"u{number}" for number in range(6)]
