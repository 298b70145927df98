"""What `manage.py doctor` looks at: small checks, one module an idea, in one list (examination.CHECKS).

A check yields findings, good ones too. It may raise what its servers raise: the examination makes a finding of it.
"""
