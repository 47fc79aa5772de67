"""spark-submit jobs/evaluate.py --config FILE --workdir DIR [--set a.b=c]: the evaluate stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
