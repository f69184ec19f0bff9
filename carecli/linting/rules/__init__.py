"""The rules of style, a module each: `LEVEL`, and `faults`, which yields what breaks the rule.

A rule is called as its module, with hyphens. A new one is a new module and nothing else.
"""
