"""spark-submit jobs/generate.py --config FILE --workdir DIR [--set a.b=c]: the generate stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["generate", *sys.argv[1:]])
