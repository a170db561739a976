"""One-Shot Studio: the door. Without a verb it opens the studio in the browser; with one it does the same work here."""

import os
import sys

# before torch is imported anywhere: spinning threads starve one another, and MPS lacks a few operators
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
# the libraries' remarks are for programmers; what a user can mend, the studio says itself
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

if __name__ == "__main__":
    from studio.cli import main

    sys.exit(main(sys.argv[1:]))
