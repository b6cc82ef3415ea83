#!/usr/bin/env python3
"""Holds manifests to the schemas that Kubernetes publishes, and to each other. No cluster is asked.

    pip install kubernetes-validate==1.37.0
    python3 deploy/kubernetes/check.py [FOLDER]
"""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

# The releases whose schemas they are held to, strictly: what a schema does not know is refused.
VERSIONS = ["1.32", "1.34", "1.37"]


def pod_of(thing):
    return thing["spec"].get("template") if thing["kind"] in ("Deployment", "Job") else None


def selects(selector, pods):
    return [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]


def cross_check(things, script):
    """What one object says of another, which no schema sees."""
    pods = [pod for pod in map(pod_of, things) if pod]
    secrets = dict(re.findall(r"^put (\S+) (.*)$", script, re.M))
    config_maps = {thing["metadata"]["name"] for thing in things if thing["kind"] == "ConfigMap"}
    claims = {thing["metadata"]["name"] for thing in things if thing["kind"] == "PersistentVolumeClaim"}
    policies = [thing["spec"]["podSelector"].get("matchLabels") for thing in things if thing["kind"] == "NetworkPolicy"]
    for pod in pods:
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        name = labels["app.kubernetes.io/name"]
        if not any(selector and selects(selector, [pod]) for selector in policies):
            yield f"{name}: no NetworkPolicy of its own"
        for volume in spec["volumes"]:
            if "secret" in volume and volume["secret"]["secretName"] not in secrets:
                yield f"{name}: nobody makes the Secret {volume['secret']['secretName']}"
            if "configMap" in volume and volume["configMap"]["name"] not in config_maps:
                yield f"{name}: there is no ConfigMap {volume['configMap']['name']}"
            for source in volume.get("projected", {}).get("sources", []):
                if source["configMap"]["name"] not in config_maps:
                    yield f"{name}: there is no ConfigMap {source['configMap']['name']}"
            if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] not in claims:
                yield f"{name}: there is no claim {volume['persistentVolumeClaim']['claimName']}"
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("readinessProbe", "livenessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                if port and port not in ports:
                    yield f"{name}: {probe} asks a port {port} that there is not"
            for mount in container["volumeMounts"]:
                if mount["name"] not in volumes:
                    yield f"{name}: mounts {mount['name']}, which there is not"
    for thing in things:
        where = f"{thing['kind']} {thing['metadata']['name']}"
        if thing["kind"] == "Service":
            chosen = selects(thing["spec"]["selector"], pods)
            named = {port["name"] for pod in chosen for c in pod["spec"]["containers"] for port in c.get("ports", [])}
            if len(chosen) != 1 or any(port["targetPort"] not in named for port in thing["spec"]["ports"]):
                yield f"{where}: leads to no port of one program"
        if thing["kind"] in ("Deployment", "PodDisruptionBudget") and len(selects(thing["spec"]["selector"]["matchLabels"], pods)) != 1:
            yield f"{where}: selects other than one program"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    things, faults = [], []
    for file in sorted(folder.glob("*.yaml")):
        for thing in yaml.safe_load_all(file.read_text()):
            things.append(thing)
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(thing, version, strict=True)
                except Exception as error:  # whatever it is, the manifest is not known to be sound
                    faults.append(f"{file.name}, {thing['kind']} {thing['metadata']['name']}, {version}: {str(error).splitlines()[0]}")
    if not things:
        faults.append(f"{folder}: no manifests")
    faults += cross_check(things, (folder / "secrets.sh").read_text())
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(things)} objects, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
