"""spark-submit jobs/scan_pii.py --config FILE --workdir DIR [--set a.b=c]: the scan stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["scan", *sys.argv[1:]])
