# SPDX-License-Identifier: LGPL-3.0-or-later
"""The example for Kubernetes fits together, and fits the image.

Each name that a part of it gives to another is there: labels, ports, volumes, probes'
paths in the module's source; its configuration is the image's. kubectl, if it is there,
says what it does not know of the workload.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("SKIPPED: python3-yaml is not installed")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "packaging/kubernetes"
IMAGE = ROOT / "packaging/container"

found = []


def expect(true, what):
    if not true:
        found.append(what)


def read(name):
    """{kind: object}"""
    return {one["kind"]: one for one in yaml.safe_load_all(
        (EXAMPLES / name).read_text())}


def places():
    """The URLs that the module answers."""
    source = (ROOT / "src/admin/http.c").read_text()
    return set(re.findall(r'^\t\{ "(/[\w/]+)", get_', source, re.MULTILINE))


def check_probes(container):
    ports = {port["name"] for port in container["ports"]}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[kind]
        asked = probe.get("httpGet") or probe["tcpSocket"]
        expect(asked["port"] in ports, f"{kind}: no port {asked['port']}")
        expect(asked.get("path", "/healthz") in places(),
               f"{kind}: the module has no {asked.get('path')}")


def check_volumes(spec, claims):
    container = spec["containers"][0]
    there = {one["name"] for one in spec["volumes"]} | {
        claim["metadata"]["name"] for claim in claims}
    used = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    expect(set(used) == there, f"volumes {sorted(there)}, mounts {sorted(used)}")
    declared = re.search(r"^VOLUME \[(.*)\]$", (IMAGE / "Containerfile").read_text(),
                         re.MULTILINE)[1]
    for path in re.findall(r'"([^"]+)"', declared):
        expect(path in used.values(), f"the image's {path} is not mounted")


def check_ports(container, service, config):
    """Those of Ganesha, of the image and of the example are the same."""
    numbers = {port["containerPort"] for port in container["ports"]}
    exposed = {int(port) for port in re.findall(
        r"\b(\d+)/tcp", (IMAGE / "Containerfile").read_text())}
    admin = int(re.search(r'Admin_Address = ".*:(\d+)"', config)[1])
    expect(numbers == exposed == {2049, admin}, f"ports {numbers}, {exposed}, {admin}")
    names = {port["name"] for port in container["ports"]}
    for port in service["spec"]["ports"]:
        expect(port["targetPort"] in names, f"Service: no port {port['targetPort']}")


def check_security(container):
    security = container["securityContext"]
    expect(security["readOnlyRootFilesystem"] and not security["privileged"] and
           not security["allowPrivilegeEscalation"] and
           security["capabilities"]["drop"] == ["ALL"], "it has more rights than said")
    named = set(re.findall(r"^#   ((?:[A-Z_]+)(?:, [A-Z_]+)*)  ", (
        IMAGE / "Containerfile").read_text(), re.MULTILINE))
    said = {name for line in named for name in line.split(", ")} - {"BASE", "SUITE"}
    given = set(security["capabilities"]["add"])
    expect(said == given, f"capabilities {sorted(given)}, the image says {sorted(said)}")
    told = set(re.findall(r"--cap-add (\w+)", (ROOT / "doc/manual.md").read_text()))
    expect(told == given, f"capabilities {sorted(given)}, the manual says {sorted(told)}")


def lost(before, after, path):
    """Where what one object has is not in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif (isinstance(before, list) and isinstance(after, list) and
          len(before) == len(after)):
        for i, value in enumerate(before):
            yield from lost(value, after[i], f"{path}[{i}]")
    elif before != after:
        yield path


def check_types(workload):
    """kubectl reads it into its own types, without a server, and writes what it knows."""
    done = subprocess.run(
        ["kubectl", "set", "env", "--local", "-f", "-", "ANY=1", "-o", "json"],
        input=json.dumps(workload), text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect(not done.returncode, f"kubectl: {done.stderr}")
    if not done.returncode:
        for path in lost(workload, json.loads(done.stdout), workload["kind"]):
            found.append(f"kubectl does not know {path}")


def main():
    objects = read("ganesha.yaml")
    monitor = read("podmonitor.yaml")["PodMonitor"]
    workload, service = objects["StatefulSet"], objects["Service"]
    template = workload["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    container = template["spec"]["containers"][0]
    config = objects["ConfigMap"]["data"]["ganesha.conf"]
    expect(config == (IMAGE / "ganesha.conf").read_text(),
           "the ConfigMap is not packaging/container/ganesha.conf")
    for selector in (service["spec"]["selector"],
                     workload["spec"]["selector"]["matchLabels"],
                     monitor["spec"]["selector"]["matchLabels"]):
        expect(selector.items() <= labels, f"{selector} selects no pod")
    expect(workload["spec"]["serviceName"] == service["metadata"]["name"],
           "the StatefulSet's Service is another")
    expect(template["spec"]["volumes"][0]["configMap"]["name"] ==
           objects["ConfigMap"]["metadata"]["name"], "the ConfigMap is another")
    check_probes(container)
    check_volumes(template["spec"], workload["spec"]["volumeClaimTemplates"])
    check_ports(container, service, config)
    check_security(container)
    if shutil.which("kubectl"):
        check_types(workload)
    endpoint = monitor["spec"]["podMetricsEndpoints"][0]
    annotations = template["metadata"]["annotations"]
    expect(endpoint["path"] in places() and
           annotations["prometheus.io/path"] in places(), "there are no metrics there")
    expect(endpoint["port"] in {port["name"] for port in container["ports"]} and
           int(annotations["prometheus.io/port"]) in
           {port["containerPort"] for port in container["ports"]},
           "there is no such port to scrape")
    for text in found:
        print(text)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
