"""Who works on a project, what each may do, and how a browser is known to be theirs."""
