"""Run a submission where it can do no harm, and bring back what it said.

    with open_jail(bundle.root) as jail:
        answer = jail.run(job)

tiers  choose a jail ▼                  view     what the jail sees of this machine
warm   the zygote, seen from outside ▼  filters  the system calls it may not make
job    one job over its socket          plan     what the processes inside are told
"""

from gradeprop.jail.jail import Jail
from gradeprop.jail.job import Job, JobResult, probe_names
from gradeprop.jail.tiers import Tier, TierReport, open_jail, probe_tiers

__all__ = ["Jail", "Job", "JobResult", "Tier", "TierReport", "open_jail", "probe_names", "probe_tiers"]
