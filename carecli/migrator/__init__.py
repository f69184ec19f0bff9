"""Deploys and reverts the changes of a plan; all that changes a schema goes through here."""
