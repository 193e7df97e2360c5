"""A function in several new processes of this machine, which send each other tensors."""

import copy
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_all_start_methods, set_forkserver_preload
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing import start_processes  # type: ignore[attr-defined]
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from bnlib.arguments import check_integer, check_number

METHOD = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


def run(worker: Callable[..., Any], size: int, *given: Any, deadline: float = 120) -> list[Any]:
    """Return what ``worker(*given)`` gives in each of ``size`` new processes, by rank.

    They share no memory. ``torch.distributed``, over gloo on 127.0.0.1, tells their ranks.

    Parameters
    ----------
    worker : function
        Of a module that a new process can import: no lambda, and none of a notebook.
    size : int
        Number of processes, at least 1; ``given`` is the same in all.
    deadline : float
        Seconds until they are killed.

    Raises
    ------
    TypeError, ValueError
        If ``worker`` or ``given`` cannot be sent, or a number is out of range.
    TimeoutError
        If the deadline is over.
    torch.multiprocessing.ProcessRaisedException
        If a process raised an error, which is quoted.
    torch.multiprocessing.ProcessExitedException
        If one died.
    """
    check_integer("run", "size", size, 1, "it is the number of processes")
    check_number("run", "deadline", deadline, 1e-3, 1e6, "it is in seconds")
    work, end = _packed(worker, given), time.monotonic() + deadline
    if METHOD == "forkserver":  # import these once, not in each process
        set_forkserver_preload(["torch", "torch._dynamo"])
    with tempfile.TemporaryDirectory() as folder:
        shared = (work, size, folder, dict(os.environ))
        started = start_processes(  # type: ignore[no-untyped-call]
            _enter, shared, size, join=False, start_method=METHOD
        )
        try:
            while not started.join(max(0.0, end - time.monotonic()), grace_period=1):
                if time.monotonic() > end:
                    raise TimeoutError(f"run: the processes still ran after {deadline} s")
        finally:
            for process in started.processes:
                process.kill()
                process.join()
        return [torch.load(f"{folder}/{r}.pt", weights_only=False) for r in range(size)]


def _packed(worker: Any, given: Any) -> bytes:
    """Return both as bytes: as arguments, their tensors would be shared by all processes."""
    module = sys.modules.get(getattr(worker, "__module__", ""))
    try:
        if not callable(worker) or not hasattr(module, "__file__"):
            raise TypeError("it stands in no file")
        return pickle.dumps((worker, given))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"run: expected a worker and arguments that another process can import, got "
            f"{worker!r} ({error}); put the function into a module"
        ) from error


def _enter(rank: int, work: bytes, size: int, folder: str, environ: dict[str, str]) -> None:
    """Be one process: join the others, work, and leave the result in a file."""
    os.environ.update(environ)  # the server that forks may be older
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=size)
    worker, given = pickle.loads(work)
    torch.save(worker(*given), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def take_steps(
    models: Mapping[str, nn.Module], x: Tensor, y: Tensor, steps: int, lr: float
) -> dict[str, list[dict[str, Any]]]:
    """Take steps of SGD in this process, one of several, on its part of the batch.

    Returns for each model a dict for each step: "gradients", which DistributedDataParallel
    has averaged; "state" after the step; "sent", the numbers in each exchange of statistics.
    """
    rank, size = dist.get_rank(), dist.get_world_size()
    x, y = x.chunk(size)[rank], y.chunk(size)[rank]
    told = {name: [] for name in models}  # type: ignore[var-annotated]
    for name, model in models.items():
        replica = DistributedDataParallel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr)
        spy = patch.object(dist, "all_gather", wraps=dist.all_gather)
        for _ in range(steps):
            optimizer.zero_grad()
            with spy as gather:
                cross_entropy(replica(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            sent = [call.args[1].numel() for call in gather.call_args_list]
            gradients = [p.grad for p in model.parameters()]
            state = model.state_dict()
            left = {"gradients": gradients, "state": state, "sent": sent}
            told[name].append(copy.deepcopy(left))
    return told
