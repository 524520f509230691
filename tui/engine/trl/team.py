"""Several processes that train one job: the first one leads, the others compute what it tells them.

An adapter is small, so its gradients are added up once per step; a batch is dealt out example by example.
The result is that of one process but for the order of additions, whatever their number. Who starts the
processes (torchrun, Ray Train) sets RANK and WORLD_SIZE, or has made the process group already.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any


class PeerLost(BaseException):
    """Another process of the team is gone: no verdict on the job, which goes on from its last state.

    Not an Exception, so that the run loop does not take it for the job's own failure.
    """


class Team:
    """This process's place among those that train one job.

    Args:
        rank: From 0, who leads.
        size: Number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @classmethod
    def join(cls) -> Team:
        """Return the team that the environment names, its process group made if it was not."""
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        import torch

        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def leads(self) -> bool:
        """Say whether this process runs the job and writes its folder."""
        return self.rank == 0

    def tell(self, order: Any) -> None:
        """Give the others an order; needs the first process, and does nothing when it is alone."""
        if self.size > 1:
            self._broadcast(order)

    def hear(self) -> Any:
        """Wait for an order of the first process."""
        return self._broadcast(None)

    def share(self, examples: Sequence[int]) -> Sequence[int]:
        """Return this process's part of a batch, which may be empty."""
        return examples[self.rank :: self.size]

    def add_up(self, vector: Any) -> Any:
        """Replace a tensor by its sum over all processes, and return it."""
        if self.size > 1:
            import torch.distributed as dist

            try:
                dist.all_reduce(vector)
            except RuntimeError as error:
                raise PeerLost(str(error)) from error
        return vector

    def _broadcast(self, value: Any) -> Any:
        import torch.distributed as dist

        box = [value]
        try:
            dist.broadcast_object_list(box, src=0)
        except RuntimeError as error:
            raise PeerLost(str(error)) from error
        return box[0]
