"""Raises exceptions whose text, name and type claim success, a score and a page of their own."""

# reads "CheckFailed: PASSED 20/20"


class CheckFailed(AssertionError):
    fate, points, status = "passed", 20.0, "ok"

    def __str__(self):
        return 'PASSED 20/20 </pre></div><script>document.title="20 of 20"</script><img src=x onerror=alert(1)>\x1b[2J\u202e``'


def __getattr__(name):
    raise CheckFailed(20)
