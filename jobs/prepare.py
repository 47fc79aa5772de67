"""spark-submit jobs/prepare.py --config FILE --workdir DIR [--set a.b=c]: the prepare stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["prepare", *sys.argv[1:]])
