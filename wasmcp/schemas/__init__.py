"""JSON Schemas: the branches that values use, comparison, and strategies of Hypothesis for values.

Source: JSON Schema 2020-12, core and validation.
"""
