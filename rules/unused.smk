"""What lies in the results folder and is no longer used. Needs the configuration alone; gives a list, and more room.

Used is what any rule can make for this configuration, whether somebody asked for it or not.
"""


include: "given/unused.smk"


localrules:
    unused,
    remove_unused,


rule unused:
    """List what lies in the results folder and is no longer used by the configuration; remove nothing."""
    log:
        logs("unused.log"),
    run:
        from stylevote.leftovers import list_unused

        with_files_in_results(list_unused, log[0])


rule remove_unused:
    """Remove what `unused` listed, unless anything has changed since."""
    log:
        logs("remove_unused.log"),
    run:
        from stylevote.leftovers import remove_unused

        with_files_in_results(remove_unused, log[0])
