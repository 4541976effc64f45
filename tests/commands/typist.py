"""Types commands where it was started: a folder and words in, in JSON, a line each; what was said
out."""

from __future__ import annotations

import json
import sys
from dataclasses import astuple
from pathlib import Path

from tests.console import Console

if __name__ == "__main__":
    answers = sys.stdout
    for line in sys.stdin:
        folder, words = json.loads(line)
        ran = Console(Path(folder)).any(*words)
        print(json.dumps(astuple(ran)), file=answers, flush=True)
