"""Writes to address 0, jumps into data, divides by zero, aborts and overflows the stack of C, one after the other."""

import ctypes
import os
import sys

# reads "The process was ended by a segmentation fault (SIGSEGV)."
# reads "RecursionError"


def standardise(x):
    ctypes.memset(0, 1, 1)


def windows(x, size):
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.create_string_buffer(b"\xff" * 64)))()


def count_parameters(model):
    os.abort()


def describe(x):
    sys.setrecursionlimit(10**9)

    class Deep:
        def __getattr__(self, name):
            return getattr(self, name + "x")

    return Deep().x


def shuffled(x):
    def deeper(n):
        return deeper(n + 1)

    sys.setrecursionlimit(1000)
    return deeper(0)
