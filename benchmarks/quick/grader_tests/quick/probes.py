"""Eight quick calls of what students write; nothing trains for longer than one batch of four images."""

import contextlib
import io

import torch


def probe_logits(student, draw):
    return {"logits": student.LeNet5()(draw.normal(2, 1, 32, 32))}


def probe_classes(student, draw):
    return {"logits": student.LeNet5(num_classes=7)(draw.normal(2, 1, 32, 32))}


def probe_paper(student, draw):
    torch.manual_seed(draw.seed)
    model, x = student.LeNet5(), draw.normal(2, 1, 32, 32)
    return {"x": x, "logits": model(x), "state": dict(model.named_parameters())}


def probe_alone(student, draw):
    model, x = student.LeNet5().eval(), draw.normal(2, 1, 32, 32)
    return {"batch": model(x), "alone": torch.cat([model(image[None]) for image in x])}


def probe_gradients(student, draw):
    model = student.LeNet5()
    model(draw.normal(2, 1, 32, 32)).square().sum().backward()
    return {"norms": [0.0 if p.grad is None else p.grad.norm().item() for p in model.parameters()]}


def probe_count(student, draw):
    sizes = draw.integers(2, 9, 2).tolist()
    return {"sizes": sizes, "millions": float(student.count_model_params(torch.nn.Linear(*sizes)))}


def probe_train(student, draw):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    batches = [(draw.normal(4, 1, 2, 2), draw.integers(0, 2, 4))]
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
        student.train_model(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.CrossEntropyLoss(), 1)
    return {"moved": [float((p - old).abs().max()) for p, old in zip(model.parameters(), before, strict=True)]}


def probe_test(student, draw):
    model, x, labels = torch.nn.Linear(5, 3), draw.normal(8, 5), draw.integers(0, 3, 8)
    _, accuracy = student.test_model(model, [(x, labels)], torch.nn.CrossEntropyLoss())
    return {"logits": model(x), "labels": labels, "accuracy": float(accuracy)}
