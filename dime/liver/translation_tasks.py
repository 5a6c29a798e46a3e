"""What the networks of `dime.liver.translation` learn, by which losses: tasks of the training loop."""

from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional as F

from dime.learning import parallel
from dime.liver.generators import Cycle, ResidualGenerator, stiffness_image
from dime.network import augment
from dime.network.scale_free import normalise
from dime.network.training import PatchTask, draw_batch, laplace_loss
from dime.network.unet import UNet

NETWORKS = {"unet": UNet, "resnet": ResidualGenerator}
"""Name -> class of the forward network."""

BETAS = (0.5, 0.999)
"""Decay of Adam's two means. Source: Zhu 2017 (ICCV), as for `POOL`."""

POOL = 50
"""Translated images that a judge may be shown again, so that it does not forget earlier mistakes."""

PAIR_WEIGHT, CYCLE_WEIGHT = 10.0, 10.0
"""Weights of the L1 errors of pairs and of cycles, relative to the judges' squares."""

FAINT = 1e-3
"""Noise around a drawn wave, relative to 1: without any motion, the local amplitude has no finite slope."""


@dataclass
class MapTask(PatchTask):
    """Learn log stiffness from pairs: a `dime.learning.loop.Task`; see `PatchTask`.

    Patches are turned and mirrored, although no liver lies so: the wave equation in a given mask has no
    direction, and the network must learn that equation and not the anatomy.
    """

    kind: str = "unet"

    def identity(self):
        return [self.kind, *super().identity()]

    def to(self, device):
        """Move the images to a device. Validation patches, one per slice, have no noise but the scanner's."""
        self.training, self.validation = self.training.to(device), self.validation.to(device)
        generator = torch.Generator(device).manual_seed(self.seed)
        rows = torch.arange(len(self.validation), device=device).split(self.schedule.batch)
        cut = partial(augment.random_patches, self.validation)
        self.held_out = [cut(part, self.schedule.patch, generator, zoom=1.0) for part in rows]

    def model(self):
        network = NETWORKS[self.kind](self.schedule.widths)
        return network.to(memory_format=torch.channels_last)


class CycleTask(MapTask):
    """Go on from a trained network as a CycleGAN hybrid: a `dime.learning.loop.Task`.

    Translators: 10 |pair| + 10 (|wave cycle| + |stiffness cycle|) + sum over both (judge(translated) - 1)^2,
    and the Laplace likelihood of the scale about the mean, which it does not move.
    Judges: half of (judge(simulated) - 1)^2 + judge(earlier translated)^2.
    All are means over the mask.

    Source: Zhu 2017 (ICCV); least squares by Mao 2017 (ICCV).
    Assumption: the scale goes on learning, because the features that it is read from move. It gets no weight
    in the mean, whose losses are those of the hybrid.
    """

    def model(self):
        return Cycle(self.start)

    def optimisers(self, model):
        """Adam of the translators and of the judges; the rate falls to 0 over the second half."""
        groups = model.translators(), model.judges()
        optimisers = [torch.optim.Adam(group, self.schedule.learning_rate, betas=BETAS) for group in groups]
        steps = self.epochs * self.steps
        falling = partial(_second_half, steps=steps)
        return optimisers, [torch.optim.lr_scheduler.LambdaLR(one, falling) for one in optimisers]

    def step(self, model, optimisers, generator):
        """One batch: the translators move against the judges as they stand, then the judges."""
        patches = self.schedule.batch // parallel.count()
        waves, masks, targets = draw_batch(self.training, self.schedule, patches, generator)
        stiffness, wave = stiffness_image(targets, masks), normalise(waves, masks)
        loss, fake_stiffness, fake_wave = self._translate(model, wave, stiffness, masks, generator)
        share = parallel.share(masks.sum())
        parallel.backward(loss * share, model.translators())
        optimisers[0].step()
        pools = self._pools(generator)
        judged = 0.0
        for judge, real, fake, pool in (
            (model.judge_stiffness, stiffness, fake_stiffness, pools[0]),
            (model.judge_wave, wave, fake_wave, pools[1]),
        ):
            earlier = pool.exchange(torch.cat([fake.detach(), masks], dim=1))
            against = judgement(judge, earlier[:, :-1], earlier[:, -1:], 0.0)
            judged = judged + 0.5 * (judgement(judge, real, masks, 1.0) + against)
        parallel.backward(judged * share, model.judges())
        optimisers[1].step()
        return loss.item()

    def evaluate(self, model):
        """L1 error of log stiffness, mean relative error [%], and L1 error of the wave after its cycle."""
        figures = dict.fromkeys(("validation_loss", "validation_mape", "validation_cycle"), 0.0)
        for waves, masks, targets in self.held_out:
            part = len(waves) / len(self.validation)
            found = stiffness_image(model.generator(waves, masks)[0], masks)
            known, wave = stiffness_image(targets, masks), normalise(waves, masks)
            figures["validation_loss"] += part * masked_l1(found, known, masks).item()
            relative = torch.expm1(found - known).abs() * masks
            figures["validation_mape"] += part * 100 * (relative.sum() / masks.sum()).item()
            figures["validation_cycle"] += part * masked_l1(model.inverse(found, masks), wave, masks).item()
        return figures

    def _translate(self, model, wave, stiffness, masks, generator):
        """Loss of the translators, and the images of both domains that they draw."""
        mean, log_scale = model.generator(wave, masks)
        fake_stiffness, fake_wave = stiffness_image(mean, masks), model.inverse(stiffness, masks)
        wave_again = model.inverse(fake_stiffness, masks)
        noise = torch.randn(wave.shape, generator=generator, device=wave.device) * (1 - masks)
        log_again = model.generator(fake_wave + noise, masks.clamp(min=FAINT))[0]
        stiffness_again = stiffness_image(log_again, masks)
        cycles = masked_l1(wave_again, wave, masks) + masked_l1(stiffness_again, stiffness, masks)
        fooled = judgement(model.judge_stiffness, fake_stiffness, masks, 1.0)
        fooled = fooled + judgement(model.judge_wave, fake_wave, masks, 1.0)
        centred = fake_stiffness.detach()[:, 0]
        likelihood = laplace_loss(centred, log_scale, stiffness[:, 0], masks[:, 0])
        pairs = masked_l1(fake_stiffness, stiffness, masks)
        loss = PAIR_WEIGHT * pairs + CYCLE_WEIGHT * cycles + fooled + likelihood
        return loss, fake_stiffness, fake_wave

    def _pools(self, generator):
        """Pools of this epoch, known by its generator: a resumed run then equals an undisturbed one."""
        if getattr(self, "pooled", (None,))[0] is not generator:
            self.pooled = generator, (Pool(generator), Pool(generator))
        return self.pooled[1]


class Pool:
    """Up to `POOL` earlier translated images: in half of the cases a judge sees one of them instead."""

    def __init__(self, generator):
        self.generator, self.images = generator, []

    def exchange(self, images):
        """Images (patch, channel, y, x) of now, or earlier ones in whose place those of now are kept."""
        shown = []
        for image in images:
            if len(self.images) < POOL:
                self.images.append(image)
            elif self._draw(2):
                place = self._draw(POOL)
                image, self.images[place] = self.images[place], image
            shown.append(image)
        return torch.stack(shown)

    def _draw(self, count):
        return int(torch.randint(count, (), generator=self.generator, device=self.generator.device))


def masked_l1(images, others, masks):
    """Mean absolute difference of images (patch, channel, y, x) over masks (patch, 1, y, x) and channels."""
    total = ((images - others).abs() * masks).sum()
    return total / (masks.sum() * images.shape[1]).clamp(min=1)


def judgement(judge, images, masks, wanted):
    """Mean of (judge(image) - wanted)^2 over the tissue: empty patches are equal in both kinds of image."""
    marks = judge(images)
    tissue = F.adaptive_avg_pool2d(masks, marks.shape[2:])
    return ((marks - wanted) ** 2 * tissue).sum() / tissue.sum().clamp(min=1e-6)


def _second_half(step, steps):
    """Share of the learning rate: 1 over the first half of the steps, then a line to 0."""
    return min(1.0, 2.0 - 2.0 * step / steps)
