"""`python -m deploy.local up` runs every production process on this machine (up.py)."""

import sys

from deploy.local import up
from deploy.local.processes import ServerFailed

if sys.argv[1:] != ["up"]:
    sys.exit("usage: python -m deploy.local up")
try:
    up.main()
except ServerFailed as failure:
    sys.exit(str(failure))
