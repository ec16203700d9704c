"""Sets timers of every kind that raise exceptions in the middle of whatever runs, also of what packs the answer."""

import signal
import sys
import threading


class Alarm(BaseException):
    pass


def ring(*_):
    raise Alarm


def standardise(x):
    for number in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF):
        signal.signal(number, ring)
    for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(which, 0.001, 0.001)
    sys.setswitchinterval(1e-9)
    threading.Timer(0.01, signal.raise_signal, [signal.SIGALRM]).start()
    while True:
        pass
