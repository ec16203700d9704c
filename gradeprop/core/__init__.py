"""Foundation of all subpackages: errors, records, paths and files. It exports nothing: import the module.

errors         exceptions, by who can fix the cause
models         records that the stages exchange
assignment     an assignment as its files describe it
paths          all file and folder names of a course
storage        records as JSON files, written atomically
observations   the observations file: written by the jail, read by the judge
own_modules    files of a submission that student_code.py imports
sanitize       untrusted text and pictures, made safe for each sink
scratch        temporary folders that are removed even after a kill
warm           the process that imports torch once; the jail's zygote and the judge are forks of it
"""
