"""A task of the training loop that has nothing to do with DIME: two lines fitted by two optimisers."""

import torch
from torch import nn

from dime.learning import parallel


class TwoLines:
    """y = 2 x and z = -3 x by two linear layers, each with an optimiser of its own, as a GAN has them."""

    epochs, steps, examples, seed = 6, 20, 8, 3

    def __init__(self, rate=0.1, spoil_after=None):
        self.rate, self.spoil_after, self.evaluations = rate, spoil_after, 0

    def identity(self):
        return {"rate": self.rate}

    def to(self, device):
        self.x = torch.linspace(-1, 1, 50, device=device)[:, None]

    def model(self):
        return nn.ModuleDict({"y": nn.Linear(1, 1), "z": nn.Linear(1, 1)})

    def optimisers(self, model):
        optimisers = [torch.optim.SGD(model[name].parameters(), lr=self.rate) for name in ("y", "z")]
        return optimisers, [torch.optim.lr_scheduler.StepLR(one, 1000) for one in optimisers]

    def step(self, model, optimisers, generator):
        x = self.x[torch.randint(len(self.x), (self.examples // parallel.count(),), generator=generator)]
        total = 0.0
        for name, slope, optimiser in zip(("y", "z"), (2.0, -3.0), optimisers, strict=True):
            loss = ((model[name](x) - slope * x) ** 2).mean()
            parallel.backward(loss, model[name].parameters())
            optimiser.step()
            total += loss.item()
        return total

    def evaluate(self, model):
        self.evaluations += 1
        x = self.x
        loss = float(((model["y"](x) - 2 * x) ** 2 + (model["z"](x) + 3 * x) ** 2).mean())
        spoilt = self.spoil_after is not None and self.evaluations > self.spoil_after
        return {"validation_loss": loss + 10 * spoilt, "validation_slope": float(model["y"].weight)}
