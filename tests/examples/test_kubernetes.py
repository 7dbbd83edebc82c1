"""The manifests for Kubernetes: valid by its own schemas, and of one mind with each other and with the settings."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from servehttp.settings.remote import read_dns
from servehttp.settings.sources import environment_name, every_setting
from servehttp.workspace.settings import Settings

FOLDER = Path(__file__).parents[2] / "examples" / "kubernetes"
VERSIONS = ("1.34", "1.37")
CUSTOM = {
    ("cert-manager.io/v1", "Issuer"),
    ("cert-manager.io/v1", "Certificate"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
}
"""Kinds that are not Kubernetes' own, so that it has no schema for them."""
Object = dict[str, Any]


def kustomization() -> Object:
    loaded: Object = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    return loaded


def objects() -> Iterator[Object]:
    for name in kustomization()["resources"]:
        yield from yaml.safe_load_all((FOLDER / name).read_text())


def of(kind: str) -> dict[str, Object]:
    return {found["metadata"]["name"]: found for found in objects() if found["kind"] == kind}


def named(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def settings() -> Settings:
    return Settings.model_validate(tomllib.loads((FOLDER / "gateway.toml").read_text()))


def pod(name: str) -> Object:
    spec: Object = of("Deployment")[name]["spec"]["template"]["spec"]
    return spec


def container(name: str) -> Object:
    [found] = pod(name)["containers"]
    return dict(found)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", list(objects()), ids=named)
def test_each_object_is_valid_in_two_versions(found: Object, version: str) -> None:
    if (found["apiVersion"], found["kind"]) in CUSTOM:
        assert found["spec"]
        return
    kubernetes_validate.validate(found, version, strict=True)


def test_every_file_is_part_of_the_whole() -> None:
    there = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization()["resources"]) == there


def test_what_selects_pods_selects_some() -> None:
    labels = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in of("Deployment").values()]
    selectors = [service["spec"]["selector"] for service in of("Service").values()]
    selectors += [budget["spec"]["selector"]["matchLabels"] for budget in of("PodDisruptionBudget").values()]
    selectors += [policy["spec"]["podSelector"]["matchLabels"] for policy in of("NetworkPolicy").values()]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in of("Deployment").values()]
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector
    targets = {each["spec"]["scaleTargetRef"]["name"] for each in of("HorizontalPodAutoscaler").values()}
    assert targets <= set(of("Deployment"))


def test_ports_that_are_named_are_there() -> None:
    there = {port["name"] for name in of("Deployment") for port in container(name)["ports"]}
    named_ports = [port["targetPort"] for service in of("Service").values() for port in service["spec"]["ports"]]
    rules = itertools.chain.from_iterable(policy["spec"]["ingress"] for policy in of("NetworkPolicy").values())
    named_ports += [port["port"] for rule in rules for port in rule["ports"]]
    assert set(named_ports) <= there
    services = {port["name"] for service in of("Service").values() for port in service["spec"]["ports"]}
    for monitor in of("ServiceMonitor").values():
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= services


def test_the_gateways_settings_are_settings_and_lead_to_the_plugin() -> None:
    read, namespace = settings(), kustomization()["namespace"]
    [(plugin_id, remote)] = read.plugins.remote.items()
    assert remote.dns is not None
    service = of("Service")["todo"]
    assert remote.dns.name == f"todo.{namespace}.svc.cluster.local"
    assert service["spec"]["clusterIP"] == "None", "a name has an address for each pod only if it is headless"
    assert [port["port"] for port in service["spec"]["ports"]] == [remote.dns.port]
    names = of("Certificate")["todo"]["spec"]["dnsNames"]
    assert set(names) == {read_dns(remote.target[0]).name, plugin_id}
    variables = {environment_name(name) for name, _ in every_setting(Settings)}
    given = {each["name"] for each in container("gateway")["env"]}
    assert given <= variables


def test_the_plugin_reaches_the_api_under_a_name_of_its_certificate() -> None:
    environment = {each["name"]: each["value"] for each in container("todo")["env"]}
    host, _, port = environment["MATTERMOST_PLUGIN_API_TARGET"].removeprefix("tls:").rpartition(":")
    assert [host] == of("Certificate")["gateway"]["spec"]["dnsNames"]
    assert host.split(".")[0] in of("Service")
    listens = settings().workspace.api_listen
    assert listens is not None
    assert listens.rpartition(":")[2] == port


def test_files_that_are_named_are_mounted_and_their_secrets_are_made() -> None:
    made = {each["spec"]["secretName"] for each in of("Certificate").values()}
    for name in of("Deployment"):
        volumes = {each["name"]: each for each in pod(name)["volumes"]}
        assert volumes["tls"]["secret"]["secretName"] in made
        mounted = {each["mountPath"]: each["name"] for each in container(name)["volumeMounts"]}
        assert set(mounted.values()) == set(volumes)
    read = settings()
    for file in (read.plugins.tls_ca, read.plugins.tls_cert, read.workspace.api_key, read.workspace.api_client_ca):
        assert file is not None
        assert str(file.parent) == "/tls"


def test_a_pod_has_longer_to_end_than_what_it_waits_for() -> None:
    gateway, todo = pod("gateway"), pod("todo")
    before = container("gateway")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert gateway["terminationGracePeriodSeconds"] >= before + settings().server.drain_timeout
    [grace] = [each.partition("=")[2] for each in container("todo")["args"] if each.startswith("--grace=")]
    assert todo["terminationGracePeriodSeconds"] > float(grace)


def test_nothing_runs_as_root_or_writes_where_it_should_not() -> None:
    for name in of("Deployment"):
        assert pod(name)["securityContext"]["runAsNonRoot"]
        own = container(name)["securityContext"]
        assert own["readOnlyRootFilesystem"]
        assert not own["allowPrivilegeEscalation"]
