"""spark-submit jobs/mask.py --config FILE --workdir DIR [--set a.b=c]: the mask stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["mask", *sys.argv[1:]])
