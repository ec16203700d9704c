"""What runs inside the jail: the standard library, torch and safetensors; nothing of the grader, no secret.

    outer    builds the root that all jobs see, sheds what it may, becomes ▼
    zygote   torch and company loaded once, one thread, holds nothing; per job it forks ▼
    driver   pid 1 of the job's own namespaces; never runs student code; keeps time, counts bytes, forks ▼
    runner   sheds the rest, imports student_code, runs the probes; is believed in nothing

Here it is the package ``inside``, bound read-only at /jail; the grader imports from it only how frames are cut.
"""
