"""The command line.

main      the group, and errors as one sentence
grade     for instructors: grade, watch
demo      for instructors: demo
verify    for instructors: verify
doctor    for instructors: doctor
data      for instructors: data
course    for instructors: release, new, backup, restore
scores    for instructors: scores
people    for instructors: roster, student
publish   for instructors: export, report, package
push      for instructors: push lti, push canvas
feedback  for instructors: feedback moodle, canvas, folder, github
student   for students: check, submit
reports   what commands print with --json
options, output, progress, bookkeeping, requirements, health    used by these

Modules import rich, torch and nbgrader inside functions, so that `gradeprop --help` and tab completion answer at once.
"""
