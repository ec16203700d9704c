"""Compute the network of a submission here, from its graph and its weights, without its code.

The jail records the graph (``gradeprop.guest.graph``): the torch operations of one forward. It is untrusted, so an
operation must be one that only computes, and all sizes are known before anything is computed.

    network = Network.read(observed("weights_lenet"))
    logits = network(images)                    with the weights of the submission
    logits = network(images, {name: values})    with others
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from gradeprop.guest.graph import MAX_OPERATIONS
from gradeprop.judge.accessors import Seen
from gradeprop.judge.operations import NotComputable, Operation, Step, measure, read_operations, set_last_uses

_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Network:
    """The graph of a network, with the weights of the submission."""

    batch: tuple[int, ...]
    """shape of the images that it takes"""
    weights: dict[str, Tensor]
    """parameters and buffers by name, in the student's order"""
    parameters: tuple[str, ...]
    """names of those that are learned"""
    constants: dict[int, Tensor]
    """tensors that are neither: they are in the code"""
    numbers: int
    """numbers in the weights and constants"""
    multiply_adds: float
    """of one image"""
    steps: list[Step]
    """name and shape of the result of each operation"""
    _operations: list[Operation]
    _names: dict[str, int]
    _output: int

    @classmethod
    def read(cls, seen: Seen) -> "Network":
        """Read what ``draw.graph`` recorded.

        Raises:
            CheckFailed: the observation has other types.
            NotComputable: it is no graph, is too large, or has an operation that is not computed here.
        """
        text = seen.tensor("graph", shape=(None,), dtype=torch.uint8)
        state, found = seen.tensors("state", as_stored=True), seen.tensors("constants", as_stored=True)
        try:
            graph = json.loads(text.numpy().tobytes())
            names = {str(name): int(number) for name, number in graph["weights"].items()}
            batch, output = tuple(map(int, graph["images"])), int(graph["output"])
            constants = {int(number): tensor for number, tensor in found.items()}
            weights = {name: state[name] for name in names}
            if len(graph["operations"]) > MAX_OPERATIONS:
                raise NotComputable(f"it makes more than {MAX_OPERATIONS:,} operations")
            operations = read_operations(graph["operations"], output)
            parameters = tuple(name for name in map(str, graph["parameters"]) if name in names)
            set_last_uses(operations, output)
            given = _given(torch.empty(batch, device="meta"), weights, names, constants)
            operations, steps, multiply_adds = measure(operations, given, output)
        except _ERRORS as error:
            raise NotComputable(f"it is no graph of a network ({type(error).__name__}: {error})") from error
        numbers = sum(tensor.numel() for tensor in (*weights.values(), *constants.values()))
        per_image = multiply_adds / max(1, batch[0])
        return cls(batch, weights, parameters, constants, numbers, per_image, steps, operations, names, output)

    def __call__(self, images: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (n, classes) of any number of images.

        Args:
            images: float32 (n, channels, height, width).
            weights: in place of those with the same names.

        Raises:
            NotComputable: an operation fails.
        """
        state = {name: tensor.clone() for name, tensor in {**self.weights, **(weights or {})}.items()}
        size, logits = self.batch[0], []
        with torch.no_grad():
            for chunk in torch.split(images, size):
                batch = torch.cat([chunk, chunk[:1].expand(size - len(chunk), *chunk.shape[1:])])
                logits.append(self._forward(batch, state)[: len(chunk)])
        return torch.cat(logits)

    @property
    def is_random(self) -> bool:
        """True if it draws random numbers, such as those of dropout."""
        return any(operation.is_random for operation in self._operations)

    def used(self) -> list[str]:
        """Return the names of the weights that the logits need, in the order of their first use."""
        needed, order = {self._output}, list[int]()
        for operation in reversed(self._operations):
            if operation.in_place or needed & {*operation.results}:  # a view may share what changes in place
                needed |= {*operation.given()}
                order += reversed(operation.given())
        names = {number: name for name, number in self._names.items()}
        return [names[number] for number in dict.fromkeys(reversed(order)) if number in names]

    def fit(self, wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Return the parameters of another network, under the names of this one; None if the sizes differ.

        Parameters of one size are told apart by the order of their use, which is that of ``wanted``. A matrix that this
        network holds as (inputs, outputs) is transposed; any other shape is adapted.
        """
        sizes: dict[int, list[str]] = defaultdict(list)
        for name in filter(self.parameters.__contains__, self.used()):
            sizes[self.weights[name].numel()].append(name)
        fitted = {}
        for tensor in wanted.values():
            if not sizes[tensor.numel()]:
                return None
            name = sizes[tensor.numel()].pop(0)
            fitted[name] = _shaped(tensor, self.weights[name].shape)
        return None if any(sizes.values()) else fitted

    def gradients(
        self, images: Tensor, labels: Tensor, weights: Mapping[str, Tensor] | None = None
    ) -> dict[str, float]:
        """Return the norm of the gradient of cross entropy for each parameter; 0 for one that the logits do not need.

        Args:
            images: of the shape ``batch``.
            labels: int64 (n,).
            weights: in place of those with the same names.

        Raises:
            NotComputable: an operation fails.
        """
        state = {name: tensor.clone() for name, tensor in {**self.weights, **(weights or {})}.items()}
        leaves = {name: state[name].requires_grad_() for name in self.parameters if state[name].is_floating_point()}
        with torch.enable_grad():
            logits = self._forward(images, state | {name: leaf.clone() for name, leaf in leaves.items()})
        try:
            if logits.requires_grad:
                F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise NotComputable("its gradient cannot be computed") from error
        found = {name: leaves[name].grad if name in leaves else None for name in self.parameters}
        return {name: 0.0 if gradient is None else float(gradient.norm()) for name, gradient in found.items()}

    def _forward(self, images: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        tensors = _given(images, weights, self._names, self.constants)
        try:
            for operation in self._operations:
                operation.run(tensors)
                for number in operation.over:
                    tensors.pop(number, None)
            return tensors[self._output]
        except _ERRORS as error:
            raise NotComputable(f"an operation failed ({type(error).__name__})") from error


def _given(
    images: Tensor, weights: Mapping[str, Tensor], names: Mapping[str, int], constants: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """Return the tensors that a forward begins with, by number; all are on the device of the images."""
    given = {number: tensor.to(images.device, copy=True) for number, tensor in constants.items()}
    return {**given, **{number: weights[name].to(images.device) for name, number in names.items()}, 0: images}


def _shaped(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    reverse = tuple(reversed(tensor.shape))
    transposed = len(shape) == tensor.dim() == 2 and tuple(shape) == reverse != tuple(tensor.shape)
    return (tensor.T if transposed else tensor).reshape(shape)
