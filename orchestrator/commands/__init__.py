"""The subcommands of `masga`, one a file; each imports what is heavy only when it runs."""
