"""Known vulnerabilities of what is installed here, by pip-audit: `python -m tests.supply.audit`.

Exit code 1 where there is one. Where nothing could be asked (no pip-audit, no service) that is said:
a service that knows nothing against a package with published vulnerabilities is none.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

NOTORIOUS = "pyyaml==5.3"
"""CVE-2020-1747 and CVE-2020-14343: who does not know them knows nothing."""
SERVICES = ("pypi", "osv")


def main() -> int:
    """Audit, tell, and return the exit code."""
    if importlib.util.find_spec("pip_audit") is None:
        return _not_run("pip-audit is not installed (pip install pip-audit)")
    for service in SERVICES:
        if _is_answering(service):
            found = _asked(service, [])
            return _not_run(f"{service} ended in the middle") if found is None else told(found)
    return _not_run(f"no vulnerability service answers ({', '.join(SERVICES)})")


def told(found: dict) -> int:
    """Tell what an audit found; return the exit code."""
    packages = found["dependencies"]
    bad = [package for package in packages if package.get("vulns")]
    for package in bad:
        for vulnerability in package["vulns"]:
            mended = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {mended}"
            )
    skipped = [package["name"] for package in packages if package.get("skip_reason")]
    if skipped:
        print(f"audit: the service does not know {', '.join(sorted(skipped))}")
    print(f"audit: {len(packages) - len(skipped)} packages, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


def _is_answering(service: str) -> bool:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "requirements.txt")
        path.write_text(f"{NOTORIOUS}\n", encoding="utf-8")
        found = _asked(service, ["--requirement", str(path), "--no-deps", "--disable-pip"])
    return found is not None and any(package.get("vulns") for package in found["dependencies"])


def _asked(service: str, options: list[str]) -> dict | None:
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--timeout", "10"]
    command += ["--vulnerability-service", service, "--progress-spinner", "off", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        found = json.loads(done.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) and "dependencies" in found else None


def _not_run(why: str) -> int:
    print(f"audit: not run: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
