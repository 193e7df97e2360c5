"""Functions run by several processes, which talk over gloo on 127.0.0.1."""

import os
import sys
import time
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.distributed as dist


def run_together(worker, size, folder, deadline=120, timeout=30):
    """Return what ``worker(rank, size)`` gives in each of ``size`` new processes.

    They meet in a file of ``folder``, so that no port is chosen here. Where a process dies
    its exit code takes the place of a result. ``timeout`` is that of their messages;
    after ``deadline`` they are killed. Both are in seconds.
    """
    context, end = get_context("forkserver"), time.monotonic() + deadline
    context.set_forkserver_preload(["torch", "torch._dynamo"])  # seconds, for each process
    given = worker, size, folder, timeout, dict(os.environ)
    processes = [context.Process(target=_enter, args=(rank, *given)) for rank in range(size)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(max(0, end - time.monotonic()))
        alive = [rank for rank, process in enumerate(processes) if process.is_alive()]
        assert not alive, f"after {deadline} s the processes {alive} still ran"
    finally:
        for process in processes:
            process.kill()
            process.join()
    files = [folder / f"{rank}.pt" for rank in range(size)]
    return [
        torch.load(file, weights_only=False) if process.exitcode == 0 else process.exitcode
        for file, process in zip(files, processes, strict=True)
    ]


def _enter(rank, worker, size, folder: Path, timeout, environment):
    """Join the others, work, and leave the result in a file."""
    os.environ.update(environment)  # the server that forks may be older
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size,
        timeout=timedelta(seconds=timeout),
    )  # fmt: skip
    torch.save(worker(rank, size), folder / f"{rank}.pt")
    dist.destroy_process_group()
