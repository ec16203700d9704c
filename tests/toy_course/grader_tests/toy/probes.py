"""Calls and inputs, never answers."""


def probe_double(student, draw):
    x = draw.normal(3)
    return {"x": x, "twice": student.double(x), "label": "shown", "kind": type(x).__name__}


def probe_held(student, draw):
    return {"guess": student.double(draw.inputs["numbers"])}
