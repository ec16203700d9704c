"""The student's side: untrusted folders, zips and downloads → safe copies.

discovery          paths on the command line → submissions, and their students
inbox              folder that submissions arrive in → each student's latest
lms_downloads      bulk download of a platform → submissions
identity           owner, name and platform's id → doubts about the student
reader             the only code that opens a student's files: one entry for each, by descriptor
zip_reader         entries of a zip                entry    one file, as it is opened, copied or refused
intake             entries → safe copy, limited and hashed
layout             names in the copy → the requested files, or a question to a person
text               text in any encoding → UTF-8
validation         safe copy → sentences on missing files and wrong formats
notebook_cells     submitted notebook → cells, read tolerantly and within limits
tolerant_json      what Python's json module reads, at a bounded cost
notebook_answers   cells → answers, text outside of them, and a report of other changes
arrival_time       arrival time, as recorded by the system that received the submission
"""
