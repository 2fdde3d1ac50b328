"""The training loop: epochs that resume bit for bit, whatever killed the process before.

All that is random in an epoch comes from the seed and the epoch's number, and a checkpoint is
written whole or not at all at each epoch's end; so a killed run repeats the epoch it was in.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sw.data import Dataset

from .data import AUGMENTATIONS, Batches, to_input
from .options import Options

__all__ = ["Costs", "Metrics", "Trainer", "evaluate", "prepare_torch"]

Metrics = dict[str, int | float]
"""An epoch's line of the log: ``epoch``, ``loss``, and of the test images ``test_loss``, ``top1``
and ``top5``, in percent."""

MOMENTUM = 0.9
WARM_UP = 0.25
"""Share of the steps in which the one-cycle schedule's learning rate rises."""
TEST_BATCH = 500


@dataclass(kw_only=True)
class Costs:
    """What a run took so far, over all its processes.

    Parameters
    ----------
    seconds, cpu_seconds : float
        On the clock, and of the processor: the machine may be shared.
    peak_memory_mib : float
        Largest resident set of a process.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mib: float = 0.0


def prepare_torch(options: Options) -> None:
    """Make PyTorch deterministic, with the threads of ``options``."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)


class Trainer:
    """A network in training.

    Parameters
    ----------
    network : nn.Module
    options : Options
    train, test : Dataset
        The test images are looked at after each epoch and decide nothing.
    """

    def __init__(self, network: nn.Module, options: Options, train: Dataset, test: Dataset) -> None:
        self.network = network.to(options.device)
        self.options = options
        self.metrics: list[Metrics] = []
        self.costs = Costs()
        self.optimiser = torch.optim.SGD(
            [p for p in network.parameters() if p.requires_grad],
            lr=options.rate,
            momentum=MOMENTUM,
            weight_decay=options.decay,
            nesterov=True,
        )
        self._test = test
        self._batches = Batches(
            train,
            batch=options.batch,
            augmentation=AUGMENTATIONS[options.data],
            seed=options.seed,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            max_lr=options.rate,
            total_steps=options.epochs * len(self._batches) + 1,  # it also counts its own making
            pct_start=WARM_UP,
            cycle_momentum=False,
        )

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return len(self._batches)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return len(self.metrics) == self.options.epochs

    def epoch(self, on_step: Callable[[], None] = lambda: None) -> Metrics:
        """Train for one epoch, then test.

        Parameters
        ----------
        on_step : function
            Called after each batch.
        """
        wall, processor = time.monotonic(), time.process_time()
        number = len(self.metrics) + 1
        self.network.train()
        total = 0.0
        for images, labels in self._batches.epoch(number):
            inputs = to_input(images, self.options.device)
            total += self._step(inputs, torch.from_numpy(labels).to(self.options.device))
            on_step()
        line: Metrics = {"epoch": number, "loss": total / self.steps}
        line |= evaluate(self.network, self._test, self.options.device)
        self.metrics.append(line)
        self.costs.seconds += time.monotonic() - wall
        self.costs.cpu_seconds += time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.costs.peak_memory_mib = max(self.costs.peak_memory_mib, peak)
        return line

    def _step(self, inputs: Tensor, labels: Tensor) -> float:
        self.optimiser.zero_grad()
        loss = functional.cross_entropy(self.network(inputs), labels)
        loss.backward()
        self.optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, and what was measured so far."""
        return {
            "options": self.options.as_dict(),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "metrics": self.metrics,
            "costs": vars(self.costs),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same options."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self.metrics = list(state["metrics"])
        self.costs = Costs(**state["costs"])


def evaluate(network: nn.Module, data: Dataset, device: str = "cpu") -> Metrics:
    """Loss, and how many of a hundred images are among the first one or five guesses."""
    network.eval()
    loss = top1 = top5 = 0.0
    with torch.no_grad():
        for images, labels in _test_batches(data, device):
            logits = network(images)
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            hits = logits.topk(5, dim=1).indices == labels[:, None]
            top1 += int(hits[:, 0].sum())
            top5 += int(hits.sum())
    share = 100 / len(data)
    return {"test_loss": loss / len(data), "top1": top1 * share, "top5": top5 * share}


def _test_batches(data: Dataset, device: str) -> Iterable[tuple[Tensor, Tensor]]:
    for start in range(0, len(data), TEST_BATCH):
        images = data.images[start : start + TEST_BATCH].transpose(0, 2, 3, 1)
        labels = torch.from_numpy(data.labels[start : start + TEST_BATCH]).long()
        yield to_input(images, device), labels.to(device)
