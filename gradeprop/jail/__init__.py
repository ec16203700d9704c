"""Isolation: run a submission where it can do no harm, and return its observations.

    with open_jail(course.root) as jail:
        result = jail.run(job)

tiers       chooses the isolation tier, and tests it with escape_attempts ▼
jail        the zygote, from the grader's side ▼                plan      start-up settings of the jail's processes
job         one job over the zygote's socket ▼                  mounts    files of this machine that the jail can see
observe     submission → observations, on disk                  seccomp   system calls that are refused
wire        decoder of the jail's frames, untrusted             cgroups   control group, if the machine allows one

run_notebook         a whole notebook in the jail; not exported here, since it imports nbclient
kernel_provisioner   starts Jupyter kernels in the jail
"""

from gradeprop.jail.jail import Jail
from gradeprop.jail.job import Job, JobResult, probe_names
from gradeprop.jail.observe import observe, record_without_run
from gradeprop.jail.tiers import Tier, TierReport, open_jail, probe_tiers

__all__ = [
    "Jail",
    "Job",
    "JobResult",
    "Tier",
    "TierReport",
    "observe",
    "open_jail",
    "probe_names",
    "probe_tiers",
    "record_without_run",
]
