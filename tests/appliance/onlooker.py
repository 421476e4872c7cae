"""Somebody who looks at the kiosk's screen in the guest: prints what it shows, one JSON object a line, as it changes.

Runs in the guest with Debian's own Python, so it imports the standard library only and nothing of the project.
"""

import time
import urllib.request

URL = "http://127.0.0.1:8090/events"


def main() -> None:
    """Looks until it is killed; a page that is gone is looked for again."""
    while True:
        try:
            with urllib.request.urlopen(URL, timeout=30) as stream:
                for line in stream:
                    if line.startswith(b"data: "):
                        print(line[6:].decode().strip(), flush=True)
        except OSError:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
