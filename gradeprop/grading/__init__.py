"""Grade submissions: one, a class, or a folder that is being filled.

    settings      RunSettings: what a run is about      Sources: what it reads of the course at its start
    fingerprints  versions and hashes of it             staleness: is a record still valid? (pure)
    store         students' folders, crash-safe         run_lock: one run at a time
    jobs          Planner, plan: a Job for each submission, and the Backend protocol
    grader        Grader: intake → observe (jail) → judge → score      scoring: results → record (pure)
    batch         run: jobs → records → table and gradebook            interrupt: Stop, Ctrl-C
    workers       backends of this machine: Serial, Parallel
    dask_client   backend of a Dask cluster             dask_worker: its other end
    watch         grade what arrives in a folder        verify: prove the checks with known answers
    verify_watch  the same again after each edit        public_checks: students' own checks on them

    settings = RunSettings(course, assignment, "sample")
    with Store(settings) as store:
        records = run(store, plan(store, submissions))

Import from the modules: this face exports nothing, as any name here would load the jail, the judge and nbgrader for
every command that needs only a part, such as the worker of a cluster.
"""
