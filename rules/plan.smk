"""What there is to do, and what it takes, without doing any of it. Needs the configuration alone; gives the run table."""


localrules:
    plan,


rule plan:
    """Print the runs that the configuration stands for, which are to be trained and why, all jobs, and the disk."""

    # Without an output it is always done. A thousand runs are too long for a program's arguments: it is called here.
    log:
        logs("plan.log"),
    run:
        from stylevote.planning import write_plan

        or_refused(lambda: write_plan(SETTINGS, Path(log[0]), dry_run()))
