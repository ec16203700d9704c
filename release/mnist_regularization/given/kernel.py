"""A Jupyter kernel that trains large networks faster, "Python (course)".

In the folder of an assignment, once for all of them:

    python -m given.kernel

Then choose it in the notebook: Kernel, Change Kernel. It is your Python with two settings of glibc, the C library of
most Linux systems, which are read when a program starts, so that no cell can set them later: memory that a step of
training frees is kept for the next step, where otherwise the operating system takes it back and clears it anew. Large
batches and pictures gain most; a small LeNet gains nothing. Without it everything works as well; to take it away
again: ``jupyter kernelspec remove course``.

Source: the GNU C Library, manual page mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
"""

import platform

from ipykernel.kernelspec import install

NAME, TITLE = "course", "Python (course)"
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1000000000"}  # the second in bytes


def main() -> None:
    """Register the kernel for this user and this Python, and say so."""
    if platform.libc_ver()[0] != "glibc":
        print("This system does not have glibc, so there is nothing to gain: stay with the kernel that you have.")
        return
    folder = install(user=True, kernel_name=NAME, display_name=TITLE, env=KEEP_MEMORY)
    print(f"{TITLE!r} is registered in {folder}. In the notebook: Kernel, Change Kernel.")


if __name__ == "__main__":
    main()
