"""Reads a model file of anoseg and builds its network in PyTorch, for the scripts beside this one.

`Fast` is the network of preset `fast`, `Accurate` that of preset `accurate`. Both take images
`[n, 3, side, side]` with values in 0..=1 and give the logits of the anomaly map
`[n, 1, side, side]`. The layers have the names that their tensors have in the file.
"""

import json
import pathlib
import struct
import typing

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

# Added to a variance before its root is taken.
EPSILON = 1e-5


class Model(typing.NamedTuple):
    """What a model file holds: tensors by name, and the description."""

    tensors: dict
    description: dict

    @property
    def architecture(self):
        return self.description["architecture"]

    @property
    def side(self):
        """Height and width of the images that the network takes."""
        # Format 1 names it `input`, format 2 `preprocess`.
        preprocess = self.description.get("preprocess")
        if preprocess:
            return preprocess["geometry"]["whole"]["width"]
        return self.description["input"]["size"]

    @property
    def postprocess(self):
        """How the network's map becomes the one that is given out."""
        # Format 1 names it `output`, format 2 `postprocess`.
        return self.description.get("postprocess") or self.description.get("output") or {}

    def network(self, **options):
        """The model's network, ready for inference."""
        kinds = {"compact": Fast, "pretrained": Accurate}
        return kinds[self.architecture["network"]](self, **options).eval()


def read_model(path):
    """The content of a model file."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    envelope = json.loads(header.pop("__metadata__")["anoseg"])
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return Model(tensors, json.loads(envelope["body"]))


def image_of(path, side, folder):
    """The image at `path`, or a generated one if that is None, resized to `side` x `side`.

    Gives a file in `folder` and the same values in 0..=1 as `[1, 3, side, side]`.
    """
    if path is None:
        coarse = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, 3), np.uint8)
        image = Image.fromarray(coarse)
    else:
        image = Image.open(path).convert("RGB")
    if image.size != (side, side):
        image = image.resize((side, side), Image.BICUBIC)
    found = pathlib.Path(folder) / "image.png"
    image.save(found)
    planes = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
    return found, np.ascontiguousarray(planes)


def read_map(folder):
    """The one map that `anoseg predict --map` wrote into `folder`, `[height, width]`."""
    (found,) = pathlib.Path(folder).rglob("*.tiff")
    with Image.open(found) as image:
        return np.array(image)


def coordinates(side, scale):
    """Row and column of each pixel, from minus to plus `scale`: `[1, 2, side, side]`."""
    line = scale * torch.linspace(-1, 1, side)
    return torch.stack([line.view(side, 1).expand(side, side), line.expand(side, side)])[None].contiguous()


def moments(x):
    """Mean and standard deviation of every channel, `[n, 2 c, h, w]`: the same at all positions."""
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return torch.cat([mean, (variance + EPSILON).sqrt()], 1).expand(-1, -1, *x.shape[2:])


def double(x):
    """Twice the resolution."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class ConvNorm(torch.nn.Module):
    """Convolution, batch normalisation and, if wanted, a ReLU."""

    def __init__(self, tensors, name, relu=True):
        super().__init__()
        weight = tensors[name + ".weight"]
        outputs, inputs, kernel, _ = weight.shape
        self.conv = torch.nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(outputs, eps=EPSILON)
        self.relu = relu
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.norm.weight.copy_(tensors[name + ".scale"])
            self.norm.bias.copy_(tensors[name + ".shift"])
            self.norm.running_mean.copy_(tensors[name + ".mean"])
            self.norm.running_var.copy_(tensors[name + ".variance"])

    def forward(self, x):
        x = self.norm(self.conv(x))
        return F.relu(x) if self.relu else x


class Residual(torch.nn.Module):
    def __init__(self, tensors, name):
        super().__init__()
        self.first = ConvNorm(tensors, name + ".first")
        self.second = ConvNorm(tensors, name + ".second", relu=False)

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


def head(tensors):
    """The last layer, a 3 x 3 convolution."""
    weight = tensors["map.head.weight"]
    layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(tensors["map.head.bias"])
    return layer


class Fast(torch.nn.Module):
    """The network of preset `fast`: convolutions at strides 4 to 32, with skip connections."""

    def __init__(self, model):
        super().__init__()
        tensors, architecture = model.tensors, model.architecture
        if not (architecture["coordinates"] and architecture["context"] and architecture["blocks"] == 1):
            raise ValueError("only the layers of preset fast are built here")
        scales = len(architecture["widths"])
        self.register_buffer("coordinates", coordinates(model.side, architecture["coordinate_scale"]))
        self.stem = ConvNorm(tensors, "encoder.stem")
        self.downs = torch.nn.ModuleList(
            ConvNorm(tensors, f"encoder.stages.{i}.down") for i in range(1, scales)
        )
        self.blocks = torch.nn.ModuleList(
            Residual(tensors, f"encoder.stages.{i}.blocks.0") for i in range(scales)
        )
        self.contexts = torch.nn.ModuleList(
            ConvNorm(tensors, f"encoder.stages.{i}.context") for i in range(1, scales)
        )
        self.expands = torch.nn.ModuleList(
            ConvNorm(tensors, f"map.ups.{i}.expand") for i in range(scales - 1)
        )
        self.up_blocks = torch.nn.ModuleList(
            Residual(tensors, f"map.ups.{i}.block") for i in range(scales - 1)
        )
        self.head = head(tensors)

    def forward(self, images):
        positions = self.coordinates.expand(images.shape[0], -1, -1, -1)
        x = torch.cat([(images - 0.5) * 4, positions], 1)
        x = self.blocks[0](self.stem(F.pixel_unshuffle(x, 4)))
        skips = [x]
        for down, block, context in zip(self.downs, self.blocks[1:], self.contexts):
            x = block(down(F.pixel_unshuffle(x, 2)))
            x = x + context(torch.cat([x, moments(x)], 1))
            skips.append(x)
        skips.pop()
        for expand, block in zip(self.expands, self.up_blocks):
            x = block(F.pixel_shuffle(expand(x), 2) + skips.pop())
        return F.pixel_shuffle(self.head(x), 4)


class FrozenConv(torch.nn.Module):
    """A convolution of the frozen encoder with ReLU6 if wanted; normalisation is part of the filters."""

    def __init__(self, tensors, name, stride=1, depthwise=False, relu=True):
        super().__init__()
        weight, bias = tensors[name + ".weight"], tensors[name + ".bias"]
        before = after = (weight.shape[2] - 1) // 2
        if stride == 2:
            # The file's filters begin with a row and a column of zeros, in place of uneven padding. The
            # peers get the smaller filters and the padding.
            if weight[:, :, 0].any() or weight[:, :, :, 0].any():
                raise ValueError(f"{name} does not begin with zeros")
            weight, before = weight[:, :, 1:, 1:], before - 1
            after = weight.shape[2] - 2 - before
        outputs, inputs, kernel, _ = weight.shape
        groups = outputs if depthwise else 1
        self.relu = relu
        self.uneven = None if before == after else (before, after, before, after)
        padding = before if before == after else 0
        self.conv = torch.nn.Conv2d(inputs * groups, outputs, kernel, stride, padding, groups=groups)
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.conv.bias.copy_(bias)

    def forward(self, x):
        x = self.conv(F.pad(x, self.uneven) if self.uneven else x)
        return x.clamp(0, 6) if self.relu else x


class FrozenBlock(torch.nn.Module):
    """Inverted residual block."""

    def __init__(self, tensors, name, stride):
        super().__init__()
        widen = name + ".expand"
        self.expand = FrozenConv(tensors, widen) if widen + ".weight" in tensors else torch.nn.Identity()
        self.depthwise = FrozenConv(tensors, name + ".depthwise", stride, depthwise=True)
        self.project = FrozenConv(tensors, name + ".project", relu=False)
        first = self.expand if isinstance(self.expand, FrozenConv) else self.depthwise
        self.residual = stride == 1 and first.conv.in_channels == self.project.conv.out_channels

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNet(torch.nn.Module):
    """EfficientNet-Lite0 down to a sixteenth of the resolution: features at strides 2, 4, 8 and 16."""

    # Blocks and stride of each stage; features are given out after the stages of `TAPS`.
    STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1)]
    TAPS = [0, 1, 2, 4]

    def __init__(self, tensors, name):
        super().__init__()
        self.stem = FrozenConv(tensors, name + ".stem", stride=2)
        self.stages = torch.nn.ModuleList()
        number = 0
        for repeats, stride in self.STAGES:
            blocks = [
                FrozenBlock(tensors, f"{name}.blocks.{number + i}", stride if i == 0 else 1)
                for i in range(repeats)
            ]
            self.stages.append(torch.nn.Sequential(*blocks))
            number += repeats

    def forward(self, images):
        # The network was trained with grey levels 0..=255 of mean 127 and scale 128.
        x = self.stem((images * 255 - 127) / 128)
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.TAPS:
                features.append(x)
        return features


class MemoryDistance(torch.nn.Module):
    """Euclidean distance of each position's vector x to the nearest vector m of the memory.

    |x - m|^2 = |x|^2 - 2 x m + |m|^2, so that the products are one matrix product. `form` says how
    it is written: `convolution` as a 1 x 1 convolution, `matmul` as positions times vectors,
    `transposed` as vectors times positions. The vectors are split into `parts`, so that the products
    of one part may stay in the cache.
    """

    def __init__(self, vectors, form, parts):
        super().__init__()
        self.form = form
        self.filters, self.squares = torch.nn.ParameterList(), torch.nn.ParameterList()
        for part in vectors.chunk(parts):
            filters, squares = -2 * part, part.square().sum(1)
            if form == "convolution":
                filters = filters[:, :, None, None]
            elif form == "matmul":
                filters = filters.T.contiguous()
            else:
                squares = squares[:, None]
            self.filters.append(torch.nn.Parameter(filters, requires_grad=False))
            self.squares.append(torch.nn.Parameter(squares, requires_grad=False))

    def forward(self, x):
        n, c, h, w = x.shape
        nearest = [self.part(x, *pair) for pair in zip(self.filters, self.squares)]
        least = nearest[0]
        for other in nearest[1:]:
            least = torch.minimum(least, other)
        return (least.reshape(n, 1, h, w) + x.square().sum(1, keepdim=True)).clamp(min=0).sqrt()

    def part(self, x, filters, squares):
        if self.form == "convolution":
            return F.conv2d(x, filters, squares).amin(1, keepdim=True)
        if self.form == "matmul":
            return (torch.matmul(x.flatten(2).transpose(1, 2), filters) + squares).amin(2)
        return (torch.matmul(filters, x.flatten(2)) + squares).amin(1)


class Context(torch.nn.Module):
    """Each position's wider surroundings, compared with the image as a whole."""

    def __init__(self, tensors, name):
        super().__init__()
        self.gather = ConvNorm(tensors, name + ".gather")
        self.compare = ConvNorm(tensors, name + ".compare")

    def forward(self, x):
        x = self.gather(F.avg_pool2d(x, 4))
        return double(double(self.compare(torch.cat([x, moments(x)], 1))))


class Accurate(torch.nn.Module):
    """The network of preset `accurate`: a frozen encoder, the distance to a memory, and a head."""

    def __init__(self, model, form="convolution", parts=1):
        super().__init__()
        tensors, architecture = model.tensors, model.architecture
        if not architecture["coordinates"]:
            raise ValueError("only the layers of preset accurate are built here")
        self.distance_weight = model.postprocess.get("distance_weight", 0.0)
        self.encoder = EfficientNet(tensors, "backbone.encoder")
        for part in ("features", "distances"):
            for figure in ("mean", "deviation"):
                self.register_buffer(f"{part}_{figure}", tensors[f"backbone.{part}.{figure}"].view(1, -1, 1, 1))
        self.memory = MemoryDistance(tensors["backbone.memory"], form, parts)
        self.register_buffer("coordinates", coordinates(model.side // 4, 1.0))
        self.projections = torch.nn.ModuleList(
            ConvNorm(tensors, f"encoder.projections.{i}", relu=False) for i in range(3)
        )
        self.coarse = torch.nn.ModuleList(ConvNorm(tensors, f"map.coarse.{i}") for i in range(2))
        self.context = Context(tensors, "map.context") if architecture["context"] else None
        self.fine = torch.nn.ModuleList(ConvNorm(tensors, f"map.fine.{i}") for i in range(2))
        self.head = head(tensors)

    def features(self, images):
        """Standardised features at strides 2, 4, 8 and 16."""
        levels, first = [], 0
        for level in self.encoder(images):
            last = first + level.shape[1]
            mean, deviation = self.features_mean[:, first:last], self.features_deviation[:, first:last]
            levels.append((level - mean) / deviation)
            first = last
        return levels

    def distance(self, levels):
        """Standardised distance to the memory, at stride 8."""
        joined = torch.cat([F.avg_pool2d(levels[1], 2), levels[2], double(levels[3])], 1)
        # Neighbours outside of the image count as zeros.
        descriptors = F.avg_pool2d(joined, 3, stride=1, padding=1, count_include_pad=True)
        return (self.memory(descriptors) - self.distances_mean) / self.distances_deviation

    def forward(self, images):
        levels = self.features(images)
        distance = self.distance(levels)
        joined = []
        for doublings, (projection, level) in enumerate(zip(self.projections, levels[1:])):
            x = projection(level)
            for _ in range(doublings):
                x = double(x)
            joined.append(x)
        near = double(distance)
        positions = self.coordinates.expand(images.shape[0], -1, -1, -1)
        x = self.coarse[0](torch.cat([*joined, near, positions], 1))
        if self.context is not None:
            x = torch.cat([x, self.context(x)], 1)
        x = double(self.coarse[1](x))
        x = self.fine[1](self.fine[0](torch.cat([x, levels[0]], 1)))
        return double(self.head(x)) + self.distance_weight * double(double(near))
