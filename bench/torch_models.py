"""Networks for the torch suite: the layers of the published ones, with drawn weights."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["MODELS", "drawn"]


def _conv_bn(c_in, c_out, k, stride=1, groups=1, act=nn.ReLU, dilation=1):
    parts = [
        nn.Conv2d(c_in, c_out, k, stride, (k - 1) // 2 * dilation, dilation, groups, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*parts, *([act(inplace=True)] if act else []))


def lenet():
    """LeCun et al. 1998, as LeNet-5 is taught, on 28x28."""
    convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*convolutions, nn.Flatten(), *dense)


def alexnet():
    """Krizhevsky 2014, one tower."""
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2)]
    for c_in, c_out in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(True)]
    layers += [nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6), nn.Flatten()]
    layers += [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.Linear(4096, 1000))


def vgg16():
    """Simonyan and Zisserman 2014, configuration D."""
    layers, c_in = [], 3
    for c_out, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(True)]
            c_in = c_out
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(True), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000))


class _Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut or nn.Identity(), nn.ReLU(True)

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def _resnet(counts, bottleneck):
    layers, c_in = [_conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
    for stage, count in enumerate(counts):
        width = 64 << stage
        c_out = width * (4 if bottleneck else 1)
        for block in range(count):
            stride = 2 if stage and not block else 1
            if bottleneck:
                body = [
                    _conv_bn(c_in, width, 1),
                    _conv_bn(width, width, 3, stride),
                    _conv_bn(width, c_out, 1, act=None),
                ]
            else:
                body = [_conv_bn(c_in, width, 3, stride), _conv_bn(width, width, 3, act=None)]
            shortcut = _conv_bn(c_in, c_out, 1, stride, act=None) if stride > 1 or c_in != c_out else None
            layers.append(_Residual(nn.Sequential(*body), shortcut))
            c_in = c_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, 1000))


def resnet18():
    """He et al. 2015."""
    return _resnet((2, 2, 2, 2), False)


def resnet50():
    """He et al. 2015, strides in the 3x3 convolutions."""
    return _resnet((3, 4, 6, 3), True)


class _DenseLayer(nn.Module):
    def __init__(self, c_in, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(c_in), nn.Conv2d(c_in, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU(True)

    def forward(self, x):
        y = self.conv2(self.relu(self.norm2(self.conv1(self.relu(self.norm1(x))))))
        return torch.cat([x, y], 1)


def densenet121():
    """Huang et al. 2016."""
    layers, channels, growth = [_conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64, 32
    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            layers.append(_DenseLayer(channels, growth))
            channels += growth
        if block < 3:
            layers += [nn.BatchNorm2d(channels), nn.ReLU(True), nn.Conv2d(channels, channels // 2, 1, bias=False)]
            layers.append(nn.AvgPool2d(2))
            channels //= 2
    layers += [nn.BatchNorm2d(channels), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, 1000))


class _Gate(nn.Module):
    """Squeeze and excitation, Hu et al. 2017."""

    def __init__(self, channels, squeezed, act, gate):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = act(), gate()

    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(self.pool(x)))))


class _Inverted(nn.Module):
    def __init__(self, c_in, wide, c_out, k, stride, act, gate=None):
        super().__init__()
        layers = [_conv_bn(c_in, wide, 1, act=act)] if wide != c_in else []
        layers.append(_conv_bn(wide, wide, k, stride, wide, act))
        if gate:
            layers.append(gate)
        self.body = nn.Sequential(*layers, _conv_bn(wide, c_out, 1, act=None))
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def mobilenet_v2():
    """Sandler et al. 2018."""
    act, c_in, layers = nn.ReLU6, 32, [_conv_bn(3, 32, 3, 2, act=nn.ReLU6)]
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for factor, c_out, count, stride in rows:
        for block in range(count):
            layers.append(_Inverted(c_in, c_in * factor, c_out, 3, 1 if block else stride, act))
            c_in = c_out
    layers += [_conv_bn(c_in, 1280, 1, act=act), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(1280, 1000))


def mobilenet_v3():
    """Howard et al. 2019, large."""
    rows = (
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2), (5, 120, 40, 1, 0, 1),
        (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2),
        (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1),
    )  # fmt: skip
    c_in, layers = 16, [_conv_bn(3, 16, 3, 2, act=nn.Hardswish)]
    for k, wide, c_out, gated, swish, stride in rows:
        gate = _Gate(wide, -(-wide // 32) * 8, nn.ReLU, nn.Hardsigmoid) if gated else None
        layers.append(_Inverted(c_in, wide, c_out, k, stride, nn.Hardswish if swish else nn.ReLU, gate))
        c_in = c_out
    layers += [_conv_bn(c_in, 960, 1, act=nn.Hardswish), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(960, 1280), nn.Hardswish(True), nn.Dropout(0.2), nn.Linear(1280, 1000))


class _Fire(nn.Module):
    def __init__(self, c_in, squeezed, wide):
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(c_in, squeezed, 1), nn.ReLU(True))
        self.one = nn.Sequential(nn.Conv2d(squeezed, wide, 1), nn.ReLU(True))
        self.three = nn.Sequential(nn.Conv2d(squeezed, wide, 3, padding=1), nn.ReLU(True))

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], 1)


def squeezenet():
    """Iandola et al. 2016, 1.1."""
    layers = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, ceil_mode=True), _Fire(64, 16, 64)]
    layers += [_Fire(128, 16, 64), nn.MaxPool2d(3, 2, ceil_mode=True), _Fire(128, 32, 128), _Fire(256, 32, 128)]
    layers += [nn.MaxPool2d(3, 2, ceil_mode=True), _Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256)]
    layers += [_Fire(512, 64, 256), nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class UNet(nn.Module):
    """Ronneberger et al. 2015, padded, with batch normalization, from 32 channels."""

    def __init__(self, width=32, depth=4):
        super().__init__()
        widths = [width << level for level in range(depth + 1)]

        def double(c_in, c_out):
            return nn.Sequential(_conv_bn(c_in, c_out, 3), _conv_bn(c_out, c_out, 3))

        self.down = nn.ModuleList(map(double, [3, *widths[:-1]], widths))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(double(2 * w, w) for w in reversed(widths[:-1]))
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        kept = []
        for level, block in enumerate(self.down):
            x = block(x if not level else self.pool(x))
            kept.append(x)
        kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([kept.pop(), up(x)], 1))
        return self.last(x)


def efficientnet():
    """The layers of EfficientNet-B0, Tan and Le 2019."""
    rows = (
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
    )
    c_in, layers = 32, [_conv_bn(3, 32, 3, 2, act=nn.SiLU)]
    for factor, k, c_out, count, stride in (*rows, (6, 3, 320, 1, 1)):
        for block in range(count):
            wide = c_in * factor
            gate = _Gate(wide, max(1, c_in // 4), nn.SiLU, nn.Sigmoid)
            layers.append(_Inverted(c_in, wide, c_out, k, 1 if block else stride, nn.SiLU, gate))
            c_in = c_out
    layers += [_conv_bn(c_in, 1280, 1, act=nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(1280, 1000))


class _ConvNeXtBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm, self.act = nn.LayerNorm(channels, eps=1e-6), nn.GELU()
        self.wide, self.narrow = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.narrow(self.act(self.wide(y)))).permute(0, 3, 1, 2)


class _NormFirst(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnext():
    """The layers of ConvNeXt-T, Liu et al. 2022."""
    layers, widths = [nn.Conv2d(3, 96, 4, 4), _NormFirst(96)], (96, 192, 384, 768)
    for stage, (width, count) in enumerate(zip(widths, (3, 3, 9, 3), strict=True)):
        if stage:
            layers += [_NormFirst(widths[stage - 1]), nn.Conv2d(widths[stage - 1], width, 2, 2)]
        layers += [_ConvNeXtBlock(width) for _ in range(count)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(768), nn.Linear(768, 1000))


def dcgan():
    """The generator of Radford et al. 2015 for 64x64."""
    layers, widths = [], (100, 512, 256, 128, 64)
    for index in range(4):
        stride, pad = (1, 0) if not index else (2, 1)
        layers += [nn.ConvTranspose2d(widths[index], widths[index + 1], 4, stride, pad, bias=False)]
        layers += [nn.BatchNorm2d(widths[index + 1]), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


# Name: what makes it, and the sizes of an input without the batch.
MODELS = {
    "LeNet": (lenet, (1, 28, 28)),
    "AlexNet": (alexnet, (3, 224, 224)),
    "VGG16": (vgg16, (3, 224, 224)),
    "ResNet18": (resnet18, (3, 224, 224)),
    "ResNet50": (resnet50, (3, 224, 224)),
    "DenseNet121": (densenet121, (3, 224, 224)),
    "MobileNetV2": (mobilenet_v2, (3, 224, 224)),
    "MobileNetV3": (mobilenet_v3, (3, 224, 224)),
    "SqueezeNet": (squeezenet, (3, 224, 224)),
    "UNet": (UNet, (3, 128, 128)),
    "EfficientNet": (efficientnet, (3, 224, 224)),
    "ConvNeXt": (convnext, (3, 224, 224)),
    "DCGAN": (dcgan, (100, 1, 1)),
}


def drawn(name: str, seed: int = 0) -> nn.Module:
    """A network with drawn weights and statistics, of which no layer is the identity."""
    torch.manual_seed(seed)
    model = MODELS[name][0]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0.0, 0.1)
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return model
