"""Train on several devices: torchrun's engine starts the processes, every backward pass averages gradients.

Each process (a *replica*) holds the whole network and draws its own share of every batch. With one device
nothing here starts anything, and every function below leaves its argument as it is.

Assumption: torchrun's engine rather than Lightning Fabric: it comes with torch, and Fabric refuses to start
fresh processes from a notebook (it would fork one whose threads and GPU are in use already).
"""

import os
import signal

import torch
from torch import distributed
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def launch(function, devices, *arguments):
    """Call a function, from the main thread, in that many new processes at once, each with its own device.

    The processor's threads are divided among them. One replica that fails ends them all.

    Parameters
    ----------
    function : callable
        At the top of an importable module; its value must be picklable.
    devices : int
        GPUs of this machine, or processes where it has none.

    Returns
    -------
    list
        The values, by rank.

    Raises
    ------
    ValueError
        More devices than GPUs, where there are any.
    torch.distributed.elastic.multiprocessing.errors.ChildFailedError
        A replica failed; its traceback is on stderr.
    """
    if torch.cuda.is_available() and devices > torch.cuda.device_count():
        raise ValueError(f"devices: this machine has {torch.cuda.device_count()} GPUs, found {devices}")
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=devices,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0", local_addr="localhost",
        run_id="dime", max_restarts=0,
    )  # fmt: skip
    threads = max(1, torch.get_num_threads() // devices)
    # The engine turns signals into exceptions and leaves it so: a kernel would end with a traceback.
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        values = elastic_launch(config, _replica)(function, threads, arguments)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return [values[rank] for rank in range(devices)]


def _replica(function, threads, arguments):
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        return function(*arguments)
    finally:
        distributed.destroy_process_group()


def count():
    """How many replicas train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank():
    """Which of them this process is; 0 keeps the checkpoints and reports."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def device():
    """This replica's own GPU where torch finds one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait():
    """Return when every replica has come here."""
    if count() > 1:
        distributed.barrier()


def backward(loss, parameters):
    """Set the gradients of some parameters to those of a loss, averaged over the replicas.

    Gradients of other parameters stay as they are: a task of several networks, each with an optimiser and a
    loss of its own, calls this once for each. On one device it equals `loss.backward()` after `zero_grad`.

    Assumption: the replicas' gradients are summed after the backward pass, in one message. Torch's DDP sums
    them during that pass, which hides the time of the message, but it wraps one network that is called as a
    whole, not several that train against each other. The message is small: 8 MB for two million parameters.

    Parameters
    ----------
    loss : scalar tensor
        It depends on the same parameters in every replica.
    parameters : iterable of torch.nn.Parameter
        Those without `requires_grad` are left out.
    """
    parameters = [value for value in parameters if value.requires_grad]
    for value in parameters:
        value.grad = None
    loss.backward(inputs=parameters)
    if count() == 1:
        return
    gradients = [value.grad for value in parameters if value.grad is not None]
    message = torch.cat([gradient.flatten() for gradient in gradients]) / count()
    distributed.all_reduce(message)
    parts = message.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def share(pixels):
    """Weight of a replica's mean over its pixels that makes the replicas' mean the one over all pixels.

    share = replicas * pixels / (sum of pixels over replicas); 1.0 for one replica.
    """
    if count() == 1:
        return 1.0
    total = pixels.clone()
    distributed.all_reduce(total)
    return count() * pixels / total.clamp(min=1)


def mean(number):
    """A number averaged over the replicas."""
    if count() == 1:
        return number
    total = torch.tensor(number, dtype=torch.float64, device=device())
    distributed.all_reduce(total)
    return (total / count()).item()


def average_statistics(model):
    """Give every replica the mean of all replicas' running statistics.

    Assumption: BatchNorm normalises each replica's share by that share's own statistics, as is usual; only
    the running ones, which are used afterwards, are averaged over the replicas.
    """
    if count() > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer /= count()
