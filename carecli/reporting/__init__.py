"""The report for a hand-over: how messaging is and was, on one page that needs nothing else."""
