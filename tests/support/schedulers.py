"""Reads the ready-made jobs of jobs/, each with the parser of who will read it, and prints what they start, as JSON:
{"commands": [[argument, ...], ...], "files": {name: text}} (the files that a manifest brings along). Whatever its parser
does not accept ends with an error.

    schedulers.py kubernetes FILE... | cron FILE | airflow FILE STUB
"""

import json
import pathlib
import re
import runpy
import shlex
import sys


def kubernetes(*paths):
    import kubernetes_validate
    import yaml

    commands, files = [], {}
    for path in paths:
        documents = list(yaml.safe_load_all(pathlib.Path(path).read_text()))
        named = {(d["kind"], d["metadata"]["name"]) for d in documents}
        for document in documents:
            kubernetes_validate.validate(document, "1.33", strict=True)
            if document["kind"] == "ConfigMap":
                files.update(document["data"])
            if document["kind"] == "CronJob":
                commands.append(cron_job(document["spec"], named))
        assert commands, f"{path}: no CronJob"
    return {"commands": commands, "files": files}


def cron_job(spec, named):
    """What the schema does not say: that the parts of a CronJob fit together."""
    schedule(spec["schedule"])
    assert spec["concurrencyPolicy"] == "Forbid", "a mirror has one writer"
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "a pod failure policy needs it"
    [container] = pod["containers"]
    rules = job["podFailurePolicy"]["rules"]
    [final] = [rule["onExitCodes"] for rule in rules if "onExitCodes" in rule]
    assert final["containerName"] == container["name"] and final["values"] == [2, 5, 7], final
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes), "each volume is mounted"
    for volume in volumes.values():
        if "emptyDir" in volume:
            continue
        of = {"persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"), "configMap": ("ConfigMap", "name"),
              "secret": ("Secret", "secretName")}
        [(kind, name)] = [(of[key][0], volume[key][of[key][1]]) for key in of if key in volume]
        assert (kind, name) in named, f"{kind} {name} is not in the file"
    for source in container.get("envFrom", []):
        assert ("Secret", source["secretRef"]["name"]) in named, source
    variables = {variable["name"] for variable in container["env"]}
    fields = [*container["args"], *(mount.get("subPathExpr", "") for mount in container["volumeMounts"])]
    for name in re.findall(r"\$\((\w+)\)", " ".join(fields)):
        assert name in variables, f"$({name}) is not defined"
    command = container["command"] + container["args"]
    if "completionMode" in job:
        parts = {argument.split("/")[1] for argument in command if argument.startswith("$(JOB_COMPLETION_INDEX)/")}
        assert parts == {str(job["completions"])}, f"{parts} parts, {job['completions']} pods"
    return [argument.replace("$(JOB_COMPLETION_INDEX)", "0") for argument in command]


def schedule(text):
    from crontab import CronSlices

    assert CronSlices.is_valid(text), text


def cron(path):
    from crontab import CronTab

    table = CronTab(tabfile=path)
    commands = []
    for job in table:
        assert job.is_valid(), str(job)
        assert "%" not in job.command, "cron makes a line's end of it"
        for part in re.split(r"&&|\|\||;", job.command):
            words = shlex.split(part)
            if words[0] == "qpien-sync":
                assert "--quiet" in words, f"{part}: it would mail every night"
                commands.append(words)
    assert "MAILTO" in table.env and len(commands) == len(table.crons), path
    return {"commands": commands, "files": {}}


def airflow(path, stub):
    sys.path.insert(0, stub)
    names = runpy.run_path(path, run_name="dag")
    import stubbed

    [task] = stubbed.MAPPED
    commands = [[*task.partial["cmds"], *arguments] for arguments in task.expand["arguments"]]
    parts = [command[command.index("--shard") + 1] for command in commands]
    assert parts == [f"{n}/{len(parts)}" for n in range(len(parts))], parts
    fails = {}
    for code in range(12):
        try:
            names["QpienSync"](task_id="t").cleanup(None, stubbed.pod(code))
            fails[code] = "success"
        except stubbed.AirflowFailException:
            fails[code] = "final"
        except stubbed.AirflowException:
            fails[code] = "retry"
    final = sorted(code for code, outcome in fails.items() if outcome == "final")
    assert final == [2, 5, 7] and fails[0] == "success" and fails[6] == "retry", fails
    return {"commands": commands, "files": {}}


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(json.dumps({"kubernetes": kubernetes, "cron": cron, "airflow": airflow}[kind](*arguments)))
