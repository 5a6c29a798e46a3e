"""What the networks of this wing are built from: a convolution with its norm, a residual block."""

from torch import nn
from torch.nn import functional as F

from dime.network.unet import Convolution


def layer(inputs, outputs):
    """3 x 3 convolution, batch norm and activation, as in the network of DIME."""
    return Convolution(inputs, outputs), nn.BatchNorm2d(outputs), nn.SiLU()


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions whose result is added to their input: silu(x + f(x)).

    Source: He 2016 (CVPR).
    """

    def __init__(self, width):
        super().__init__()
        self.change = nn.Sequential(*layer(width, width), Convolution(width, width), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.silu(x + self.change(x))
