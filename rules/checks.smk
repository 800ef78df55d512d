"""Checks of runs before any training. Needs only the configuration; gives files that the first jobs with networks wait for.

Only what is not made yet waits for these files, so that another run trains no others again. (As `ancient` inputs of all
trainings, they would make Snakemake 9.27 miss the training of a changed run.)
"""

import json

from stylevote.config.settings import is_fetched


def networks_to_check():
    """Return the keys of the runs that have a network, by its setting as canonical JSON; a segmenter is one, too."""
    networks = dict(SETTINGS.networks_to_check)
    if SEGMENTATION.model in ("maskrcnn", "smp") and any(map(SETTINGS.sees_recolored, TRAINED)):
        own = getattr(SEGMENTATION, SEGMENTATION.model)
        start = [own.weights] if own.weights not in ("none", "pretrained") else []
        network = {
            "segmentation": SEGMENTATION.only("model", SEGMENTATION.model),
            "weights": own.weights,
            "start": start,
        }
        networks[canonical(network)] = ["segmentation"]
    return networks


CHECKED_NETWORKS = networks_to_check()
FETCHED_NETWORKS = {text: keys for text, keys in CHECKED_NETWORKS.items() if is_fetched(json.loads(text))}
MAX_KEYS = 5  # of the runs with a network, in messages
# The files that jobs with networks wait for. Another node plans a job again, after its old results were removed: there it
# waits for nothing.
RUN_CHECKS = [results("checks/runs.json")] if CHECKED_NETWORKS else []
RUN_CHECKS += [results("checks/weights.json")] if FETCHED_NETWORKS else []
RUN_CHECKS = RUN_CHECKS if workflow.is_main_process else []


def settings_of(networks):
    """Return a function that returns networks as a program's settings, with digests of the user's files of weights."""

    @cache
    def text():
        listed = map(json.loads, networks)
        return canonical({"networks": [{**one, "content": quick_fingerprint(one["start"])} for one in listed]})

    return lambda wildcards: text()


def keys_of(networks):
    """Return a function that returns the keys of the runs that have each network, as a text each."""
    texts = [", ".join(keys[:MAX_KEYS]) + ("..." if len(keys) > MAX_KEYS else "") for keys in networks.values()]
    return lambda wildcards: texts


def checked_before(path, *, fetched=True):
    """Return an input function: the checks, with or without the weights, if a path is not made yet."""
    path, needed = results(path), RUN_CHECKS if fetched else RUN_CHECKS[:1]
    return lambda wildcards: [] if os.path.exists(path.format(**wildcards)) else needed


rule check_runs:
    """Check that the networks of all runs can be made and that the user's weights fit them; list all problems."""
    output:
        checked=results("checks/runs.json"),
    log:
        logs("check_runs.log"),
    # Before photos are read.
    priority: 100
    retries: 0
    localrule: True
    resources:
        mem_mb=4000,
    params:
        **program(
            "checks/check_runs",
            settings_of(CHECKED_NETWORKS),
            kept=results("checks/passed.json"),
            code=code("checks/check_runs"),
            keys=keys_of(CHECKED_NETWORKS),
        ),
    shell:
        PROGRAM


rule fetch_weights:
    """Fetch the published weights of all runs, where the workflow was started: on a cluster, other nodes may lack a network."""
    input:
        results("checks/runs.json"),
    output:
        fetched=results("checks/weights.json"),
    log:
        logs("fetch_weights.log"),
    priority: 100
    retries: 0
    localrule: True
    resources:
        mem_mb=4000,
    params:
        **program("checks/fetch_weights", settings_of(FETCHED_NETWORKS), keys=keys_of(FETCHED_NETWORKS)),
    shell:
        PROGRAM
