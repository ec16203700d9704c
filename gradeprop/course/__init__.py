"""The instructor's side: configuration, notebooks, releases, and known answers of a course.

config              course.toml and assignment.toml → Assignment
datasets            which data sets are on this machine, and how to get the others
environment         comparison of this Python with what students are told
files               probes and given files of an assignment
notebook            notebook parser with source positions
diagrams            links to SVG files → images inside the notebook
solutions           solution markers: find and strip
front               README, syllabus and more of a release, from templates
release             source/<hw> → release/<hw>; imports nbgrader, which takes seconds
shared              solved functions that later assignments use, handed out on request
scaffold            new assignment from a template
known_answers       reference, stub, wrong/ and right/: submissions with known scores
reference_weights   weights for known answers; a separate process, since it imports solutions and torch
demo                sample class in a course of its own
backup              everything that cannot be made again, in one file
bundle              one assignment, and the package, for another machine
"""
