"""Code that runs inside the jail: standard library, torch and safetensors; nothing of the grader, no secret.

warm             imports torch and other libraries once, outside the jail; it forks the judge, and ▼
bootstrap        builds the root file system for all jobs, drops rights, then becomes ▼
zygote           single-threaded, without secrets; for each job it forks ▼
supervisor       pid 1 of the job's namespaces; never runs student code; keeps time, counts bytes, forks ▼
runner           drops the remaining rights, imports student_code, runs the probes; untrusted

notebook_kernel  replaces zygote and supervisor for a Jupyter kernel
draw             random inputs of probes             framing      messages on a pipe or socket
serialize        probe results → JSON and tensors    tracebacks   errors in student code, as sentences
adapt            libraries made to do without what the jail has not
hints            sentences on errors due to where code is graded
privileges       namespaces, limits, filters         syscalls     Linux system calls by ctypes
usage            memory and disk of a job            trees        removal of folders that students filled
networks         measurements of student networks     lazy_dynamo  stub of torch._dynamo

For Jupyter kernels, this package is mounted read-only as ``guest`` in /jail. Outside, the grader imports only what does
not run student code.
"""
