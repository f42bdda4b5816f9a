"""Runs Stelae's own clone smoke harness of a checkout, up to where its stack is ready:
python3 drive-stelae-harness.py <checkout> <prepared workspace of clone-smoke> [its arguments...]

As it stands it cannot start its stack without the internet. After its bundle step it gets the same overlays in its
config home that clone-smoke writes into its own; nothing else is changed, and nothing of its code is.
"""
import json
import re
import sys
from pathlib import Path

checkout, prepared = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(checkout))
from scripts import run_e2e_clone_smoke_test as harness  # noqa: E402

Own = harness.CloneSmokeHarness
install_bundle = Own._install_starter_bundle


def with_overlays(self):
    install_bundle(self)
    ours, theirs = prepared / "config-home", self.config_home
    (theirs / "catalog").mkdir(exist_ok=True)
    for name in ("custom_tools.json", "catalog/clone-smoke.json"):
        (theirs / name).write_text((ours / name).read_text("utf-8"), "utf-8")
    overlay = theirs / "proxy.template.local.json"
    merged = json.loads(overlay.read_text("utf-8"))
    server = json.loads((ours / overlay.name).read_text("utf-8"))["mcpServers"]["public_mcp_catalog"]
    merged.setdefault("mcpServers", {})["public_mcp_catalog"] = server
    overlay.write_text(json.dumps(merged), "utf-8")
    aggregations = theirs / "tool_aggregations.json"
    aggregations.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{self.proxy_port}", aggregations.read_text("utf-8")), "utf-8")


class Ready(SystemExit):
    pass


def stop_here(self):
    raise Ready(0)


Own._install_starter_bundle = with_overlays
Own._prepare_codex_environment = stop_here
sys.argv = [str(checkout / "scripts" / "run_e2e_clone_smoke_test.py"), *sys.argv[3:]]
harness.main()
