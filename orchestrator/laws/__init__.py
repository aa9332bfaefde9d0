"""Scaling laws: forms, fits, uncertainty, plans and horizons. Start at `forms.LAWS` and `fitting`.

forms/      one file a law: formula, paper, units, analytic gradient
fitting/    many starts and thousands of refits side by side; what the data leave open
planning/   compute-optimal plans three ways, reconciliation, ladders, sensitivity
horizon/    what a member's loss will be at the end of its budget
commands.py the command `masga laws`
"""
