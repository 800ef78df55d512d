"""Snakemake has the attributes that the workflow uses without a promise: a version that lacks one is named with it."""

import inspect
from importlib import import_module

import pytest
import snakemake.api  # before its parts, which import each other

# For methods that are called: the names of their arguments.
PERSISTENCE = "snakemake.persistence.PersistenceBase"
NEEDED = [
    (PERSISTENCE, "metadata", ["target"]),
    (PERSISTENCE, "_write_record", ["key", "record"]),
    (PERSISTENCE, "_unmark_incomplete", ["key"]),
    (PERSISTENCE, "_filter_incomplete_keys", ["keys"]),
    ("snakemake.persistence.file.FilePersistence", "_write_record", ["key", "record"]),
    ("snakemake.workflow.Workflow", "dag", None),
    ("snakemake.workflow.Workflow", "persistence", None),
    ("snakemake.workflow.Workflow", "local_exec", None),
    ("snakemake.workflow.Workflow", "is_main_process", None),
    ("snakemake.workflow.Workflow", "subprocess_exec", None),
    ("snakemake.workflow.Workflow", "touch", None),
    ("snakemake.workflow.Workflow", "overwrite_configfiles", None),
    ("snakemake.dag.DAG", "jobs", None),
    ("snakemake.dag.DAG", "finished_jobs", None),
    ("snakemake.dag.DAG", "needrun_jobs", []),
    ("snakemake.dag.DAG", "needrun", ["job"]),
    ("snakemake.dag.DAG", "reason", ["job"]),
    ("snakemake.jobs.Reason", "no_metadata", None),
    ("snakemake.rules.Rule", "conda_env", None),
    ("snakemake.logging.LoggerManager", "get_logfile", []),
    ("snakemake.io.regex_from_filepattern", "__call__", ["filepattern"]),
    ("snakemake.io.update_wildcard_constraints", "__call__", None),
]


@pytest.mark.parametrize(("owner", "attribute", "arguments"), NEEDED)
def test_snakemake_has_what_the_workflow_uses(owner, attribute, arguments):
    remedy = (
        f"Snakemake {snakemake.__version__} changed it; adapt rules/snakemake_internals.py and the file that uses it"
    )
    module, name = owner.rsplit(".", 1)
    found = getattr(import_module(module), name, None)
    assert found is not None, f"{owner} is missing: {remedy}"
    assert hasattr(found, attribute), f"{owner}.{attribute} is missing: {remedy}"
    if arguments is not None:
        called = found if attribute == "__call__" else getattr(found, attribute)
        parameters = [
            name
            for name, parameter in inspect.signature(called).parameters.items()
            if name != "self" and parameter.default is parameter.empty
        ]
        assert parameters == arguments, f"{owner}.{attribute} has the arguments {parameters}: {remedy}"
