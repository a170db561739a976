"""One-Shot Studio: the door. Without a verb it opens the studio in the browser; with one it does the same work here."""

import os
import sys

# before torch is imported anywhere: threads that spin for long starve one another beside other work; threads that never
# spin take longer to wake than most of our steps, in a virtual machine above all. There eight sounds took 2.9, 2.0 and
# 1.6 s with 1000, 2000 and 10000, and 3.6, 4.3 and 8.8 s beside a process that kept one of two cores busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")  # it lacks a few operators
# the libraries' remarks are for programmers; what a user can mend, the studio says itself
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

if __name__ == "__main__":
    from studio.cli import main

    sys.exit(main(sys.argv[1:]))
