"""A network is computed from its graph as from its code, in any style; what is no network is refused in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from gradeprop.guest import graph
from gradeprop.judge.graph import Network
from gradeprop.judge.operations import NotComputable
from tests.judge.observations import seen_of

IMAGES = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def network(model: nn.Module, images: Tensor = IMAGES) -> Network:
    return Network.read(seen_of(graph.record(model, images)))


class Functional(nn.Module):
    """Own parameters, matrices as (inputs, outputs), a buffer of indices, operations in place, a list of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.matrix = nn.Parameter(torch.randn(4 * 64, 7))
        self.register_buffer("order", torch.tensor([6, 5, 4, 3, 2, 1, 0]))

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x.add_(0.5).mul_(2)
        x = F.max_pool2d(F.conv2d(x, self.kernel, padding=1).relu_(), 2)
        x[:, 0] = 0
        return torch.einsum("ni,io->no", x.reshape(len(x), -1), self.matrix)[:, self.order]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.patches(x).flatten(2).mT).mean(1))


class MaskedAttention(nn.Module):
    """A mask of -inf as a plain tensor, which is neither parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 7)
        self.mask = torch.full((16, 16), float("-inf")).triu(1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).mT
        return self.head(((x @ x.mT + self.mask).softmax(-1) @ x).mean(1))


class Recurrent(nn.Module):
    """The rows as a sequence, and a filter among the frequencies."""

    def __init__(self, layer: type[nn.RNNBase]) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(16, 9, 2))
        self.layer, self.head = layer(48, 8, batch_first=True, bidirectional=True), nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.fft.irfft2(torch.fft.rfft2(x) * torch.view_as_complex(self.filter))
        return self.head(self.layer(x.transpose(1, 2).flatten(2))[0][:, -1])


def sequence(*middle: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), *middle, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 7)
    )


MODELS: list[Callable[[], nn.Module]] = [
    Functional,
    Attention,
    MaskedAttention,
    lambda: Recurrent(nn.LSTM),
    lambda: Recurrent(nn.GRU),
    lambda: sequence(nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5)),
    lambda: sequence(nn.GroupNorm(2, 6), nn.GELU(), nn.AvgPool2d(2)),
    lambda: sequence(nn.LayerNorm([6, 16, 16]), nn.SiLU(), nn.Conv2d(6, 6, 3, groups=6)),
    lambda: sequence(nn.InstanceNorm2d(6), nn.PReLU(), nn.Upsample(scale_factor=2)),
    lambda: sequence(nn.utils.parametrizations.weight_norm(nn.Conv2d(6, 6, 1)), nn.Softplus()),
    lambda: sequence(nn.utils.parametrizations.spectral_norm(nn.Conv2d(6, 6, 1)), nn.RReLU()),
    lambda: sequence(nn.LazyConv2d(6, 3, stride=2), nn.Hardswish(), nn.ConvTranspose2d(6, 6, 2, 2)),
]


@pytest.mark.parametrize("make", MODELS, ids=range(len(MODELS)))
def test_any_style_gives_the_same_logits_for_any_number_of_images(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(1)
    model = make().eval()
    with torch.no_grad():
        model(IMAGES)
        more = torch.randn(13, 3, 16, 16)
        assert torch.allclose(network(model)(more), model(more), atol=1e-5)


def test_gradients_are_those_of_the_code_and_a_layer_that_is_not_used_has_none() -> None:
    class WithUnused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.unused = sequence(nn.BatchNorm2d(6), nn.ReLU()), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    model, labels = WithUnused(), torch.arange(5)
    found = network(model).gradients(IMAGES, labels)
    F.cross_entropy(model(IMAGES), labels).backward()
    for name, parameter in model.named_parameters():
        assert found[name] == pytest.approx(0 if parameter.grad is None else parameter.grad.norm().item(), rel=1e-4)
    assert "unused.weight" not in network(model).used()


def test_weights_of_one_size_are_told_apart_by_their_use() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.later, self.first = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.later(self.first(x).relu())

    one, other = torch.randn(4, 4), torch.randn(4, 4)
    found = network(Backwards(), torch.randn(3, 4)).fit({"a": one, "b": other})
    assert found is not None
    assert torch.equal(found["first.weight"], one)
    assert torch.equal(found["later.weight"], other)


@pytest.mark.parametrize(
    "wanted", [{}, {"a": torch.zeros(9)}, {"a": torch.zeros(108), "b": torch.zeros(1792), "c": torch.zeros(1)}]
)
def test_weights_of_other_sizes_do_not_fit(wanted: dict[str, Tensor]) -> None:
    assert network(Functional()).fit(wanted) is None


def test_a_matrix_of_inputs_by_outputs_is_transposed() -> None:
    kernel, matrix = torch.randn(4, 3, 3, 3), torch.randn(7, 256)
    found = network(Functional()).fit({"kernel": kernel, "matrix": matrix})
    assert found is not None
    assert torch.equal(found["matrix"], matrix.T)


def test_dropout_that_is_never_off_is_random() -> None:
    class Always(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(x.flatten(1)[:, :7], 0.5)

    assert network(Always()).is_random
    assert not network(sequence(nn.Dropout(0.5)).eval()).is_random


def test_sizes_and_costs_are_counted_here() -> None:
    model = sequence()
    model.register_buffer("table", torch.zeros(1000))
    found = network(model)
    assert found.numbers == 3 * 6 * 9 + 6 + 24 * 7 + 7 + 1000
    assert found.multiply_adds == 3 * 6 * 9 * 256 + 24 * 7
    assert ("convolution", [5, 6, 16, 16]) in found.steps


def test_a_tensor_that_is_in_the_code_alone_counts_too() -> None:
    table = torch.zeros(500, 7)

    class Hidden(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1)[:, :500] @ table

    assert network(Hidden()).numbers == 3500


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The graph of a network, as a student's process might forge it."""
    returned = graph.record(sequence(nn.ReLU()), IMAGES)
    content = json.loads(returned["graph"].numpy().tobytes())
    change(content)
    return returned | {"graph": torch.frombuffer(bytearray(json.dumps(content).encode()), dtype=torch.uint8)}


def with_operation(name: str, *args: Any, results: tuple[int, ...] = (900,)) -> dict[str, Any]:
    """An operation that the output needs, or that works in place."""
    operation = [name, list(args), {}, list(results)]
    return changed(lambda content: content.update(operations=[*content["operations"], operation], output=900))


HUGE = 1 << 40
ZEROS = ["aten.zeros.default", [[16000, 16000]], {}, [50]]
PRODUCT = ["aten.mm.default", [{"$t": 50}, {"$t": 50}], {}, [51]]
SUM = ["aten.sum.default", [{"$t": 0}], {}, [50]]
WIDE, EMPTY = (["aten.expand.default", [{"$t": 50}, shape], {}, [51]] for shape in ([10**6], [1 << 60, 0]))
CUT = ["aten.unbind.int", [{"$t": 51}], {}, [52]]
SPLIT, UNSAFE = ([f"aten.{name}.Tensor", [{"$t": 51}, 1], {"dim": 0}, [52]] for name in ("split", "unsafe_split"))
FORGED = {
    "a file": with_operation("aten.from_file.default", "/etc/passwd", False, 10),
    "no operation of torch's own": with_operation("torchvision.nms.default", {"$t": 0}),
    "an attribute": with_operation("aten.__class__.default"),
    "a method": with_operation("aten.relu.__init__"),
    "an unknown operation": with_operation("aten.no_such.default"),
    "memory of others": with_operation("aten.resize_.default", {"$t": 0}, [1 << 20]),
    "storage": with_operation("aten.set_.source_Tensor", {"$t": 0}, {"$t": 1}),
    "out of bounds": with_operation("aten.as_strided.default", {"$t": 0}, [HUGE], [1]),
    "more memory than there is": with_operation("aten.zeros.default", [HUGE]),
    "an expanded tensor": with_operation("aten.expand.default", {"$t": 0}, [HUGE, 5, 3, 16, 16]),
    "a tensor that is not there": with_operation("aten.relu.default", {"$t": 777}),
    "a type that is none": with_operation("aten.relu.default", {"$dtype": "load"}),
    "two keys": with_operation("aten.relu.default", {"$t": 0, "$dtype": "float32"}),
    "a list of ten billion numbers": with_operation("aten.mul.left_t", [1], 10**10, results=()),
    "a tensor cut into a million": changed(lambda content: content.update(operations=[SUM, WIDE, CUT], output=52)),
    "nothing cut into a million": changed(lambda content: content.update(operations=[SUM, EMPTY, SPLIT], output=52)),
    "another cut": changed(lambda content: content.update(operations=[SUM, WIDE, UNSAFE], output=52)),
    "operations without end": changed(
        lambda content: content.update(operations=content["operations"] + [ZEROS] * graph.MAX_OPERATIONS)
    ),
    "too few results": with_operation("aten.relu.default", {"$t": 0}, results=()),
    "no output": changed(lambda content: content.pop("output")),
    "an output that is none": changed(lambda content: content.update(output=12345)),
    "a batch of nothing": changed(lambda content: content.update(images=[])),
    "a negative batch": changed(lambda content: content.update(images=[-1, 3, 16, 16])),
    "a weight that is not there": changed(lambda content: content["weights"].update(ghost=3)),
    "a list": changed(lambda content: content.update(weights=[])),
    "operations of nothing": changed(lambda content: content.update(operations=[[]])),
    "deep": changed(lambda content: content.update(operations=[["aten.relu.default", [[[[{"$t": {}}]]]], {}, [1]]])),
    "time": changed(lambda content: content.update(operations=[ZEROS, PRODUCT], output=51)),
    "no JSON": graph.record(sequence(), IMAGES) | {"graph": torch.zeros(9, dtype=torch.uint8)},
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_is_no_graph_is_refused_before_anything_is_computed(kind: str) -> None:
    with pytest.raises(NotComputable):
        Network.read(seen_of(FORGED[kind]))


class Talking(nn.Module):
    """Looks at its values with operations that the judge does not compute, or whose shapes depend on values."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = sequence(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        assert torch.isfinite(x).all(), "not finite"
        print(x, x.unique().numel(), x[x > 0].mean(), torch.histc(x, 5).sum())
        return self.layers(x)


def test_what_the_output_does_not_need_may_be_anything(capsys: pytest.CaptureFixture[str]) -> None:
    model = Talking().eval()
    found = network(model)
    capsys.readouterr()
    assert torch.allclose(found(IMAGES), model(IMAGES), atol=1e-5)
    assert min(found.gradients(IMAGES, torch.arange(5)).values()) > 0
    beside = json.loads(graph.record(model, IMAGES)["graph"].numpy().tobytes())["operations"]
    assert any("_unique2" in operation[0] for operation in beside)
    assert "_unique2" not in [name for name, _ in found.steps]


def test_what_torch_leaves_in_memory_is_not_shown() -> None:
    forged = changed(
        lambda content: content.update(
            operations=[["aten.empty.memory_format", [[5, 7]], {}, [900]]], output=900, weights={}, parameters=[]
        )
    )
    assert not Network.read(seen_of(forged))(IMAGES).any()


def test_a_graph_that_fails_on_values_is_refused_in_words() -> None:
    class Picks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.eye(7)[(x.flatten(1)[:, 0].clamp(0, 0)).long()]

    found = network(Picks())
    assert found(IMAGES).shape == (5, 7)
    forged = changed(
        lambda content: content.update(
            operations=[
                ["aten.arange.default", [5], {"dtype": {"$dtype": "int64"}}, [900]],
                ["aten.mul.Scalar", [{"$t": 900}, 1 << 30], {}, [901]],
                ["aten.index_select.default", [{"$t": 0}, 0, {"$t": 901}], {}, [902]],
            ],
            output=902,
        )
    )
    with pytest.raises(NotComputable, match="an operation failed"):
        Network.read(seen_of(forged))(IMAGES)


def test_a_network_of_too_many_operations_is_the_students_error() -> None:
    class Endless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(graph.MAX_OPERATIONS + 1):
                x = x + 1
            return x

    with pytest.raises(ValueError, match="more than 5000 operations"):
        graph.record(Endless(), IMAGES[:1, :1, :1, :1])
