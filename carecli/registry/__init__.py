"""The yoyo backend that keeps its state in sqitch's registry tables."""
