"""Scheduling of calls over instances: the pool, single calls, and the policy for inline execution."""
