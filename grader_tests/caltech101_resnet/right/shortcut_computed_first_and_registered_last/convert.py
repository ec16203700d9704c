"""Reference weights under the names of this answer."""

NAMES = {
    "conv1.": "convs.a.", "conv2.": "convs.b.", "bn1.": "norms.a.", "bn2.": "norms.b.",
    "shortcut.0.": "convs.around.", "shortcut.1.": "norms.around.",
}  # fmt: skip


def convert(name, tensors):
    """Rename the tensors of the blocks."""
    return {renamed(key) if name == "resnet18" else key: tensor for key, tensor in tensors.items()}


def renamed(key):
    stage, dot, rest = key.partition(".")
    if not stage.startswith("conv") or not rest[0].isdigit():
        return key
    number, rest = rest[:2], rest[2:]
    old = next(old for old in NAMES if rest.startswith(old))
    return stage + dot + number + NAMES[old] + rest.removeprefix(old)
