"""The questions to a submission: calls and inputs, never answers.

``student`` is the submission's student_code; ``draw`` gives inputs that are new in each run of a
submission. A probe returns numbers, texts, lists and tensors by name: what the checks will see of the submission.
"""


def probe_padding(student, draw):
    cases = []
    for size, kernel, padding in zip(*(draw.integers(low, high, 12).tolist() for low, high in RANGES), strict=True):
        found = student.my_assignment_size(size, kernel, padding=padding)
        cases.append({"size": size, "kernel": kernel, "padding": padding, "size after": found})
    return {"cases": cases}


RANGES = ((20, 90), (2, 10), (1, 4))  # of the size, the kernel and the padding


def probe_stride(student, draw):
    sizes = draw.integers(20, 90, 12).tolist()
    return {"cases": [{"size": size, "size after": student.my_assignment_size(size, 3, stride=2)} for size in sizes]}
