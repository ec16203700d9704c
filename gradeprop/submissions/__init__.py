"""The student's side: untrusted folders, zips and downloads → safe copies.

discovery          paths on the command line → submissions
lms_downloads      bulk download of a platform → submissions
reader             safe reader of a folder or zip: one entry for each file
intake             entries → safe copy, limited and hashed
validation         safe copy → sentences on missing files and wrong formats
notebook_cells     submitted notebook → cells, read tolerantly and within limits
tolerant_json      what Python's json module reads, at a bounded cost
notebook_answers   cells → answers, text outside of them, and a report of other changes
arrival_time       arrival time, as recorded by the system that received the submission
"""

from gradeprop.submissions.arrival_time import read_arrival_time
from gradeprop.submissions.discovery import find_submissions
from gradeprop.submissions.intake import take
from gradeprop.submissions.lms_downloads import open_lms_download

__all__ = ["find_submissions", "open_lms_download", "read_arrival_time", "take"]
