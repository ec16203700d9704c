"""Run a submission where it can do no harm, and bring back what it said.

with open_jail() as jail:
    answer = jail.run(job)

view     what the jail sees of this machine        filters  the system calls it may not make
warm     the process outside: starts the zygote    tiers    which kind of jail this machine can make
"""

from gradeprop.jail.warm import Answer, Jail, Job, open_jail, probe_names

__all__ = ["Answer", "Jail", "Job", "open_jail", "probe_names"]
