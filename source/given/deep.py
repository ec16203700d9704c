"""A deep network with and without skip connections: the same layers, the same number of parameters.

Source of the comparison: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, figures 1 and 6.
"""

from torch import Tensor, nn


class DeepNet(nn.Module):
    """Many equal layers: each a 3×3 convolution, BatchNorm and ReLU on maps of 8×8 pixels.

    Args:
        layers: number of equal layers; a first layer shrinks the pictures, and a last one classifies.
        skip: True adds the input of each equal layer to its output; False passes on the output alone.
        width: number of feature maps.
    """

    def __init__(self, layers: int, skip: bool, width: int = 24, num_classes: int = 101) -> None:
        super().__init__()
        self.skip = skip
        self.shrink = nn.Conv2d(3, width, kernel_size=8, stride=8)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
            for _ in range(layers)
        )
        self.classify = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, num_classes) for pictures (n, 3, 64, 64)."""
        x = self.shrink(x)  # (n, width, 8, 8)
        for layer in self.layers:
            x = x + layer(x) if self.skip else layer(x)
        return self.classify(x.mean((2, 3)))
