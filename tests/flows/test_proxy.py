"""The guide's nginx, with TLS and passwords, between a real server and all who come to it.

A worker comes from "another machine", by the address that nginx answers at, and so does a browser.
Where nginx is not installed, nothing here can be shown.
"""

import http.client
import json
import shutil
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chromium import Browser
from lab import ROOT, Lab
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_URL,
    temporary_settings,
)
from prefect_server import Server, client_of
from proxy import NGINX, Proxy, lab_home, proxy
from run_page import RunPage
from waiting import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

LOGIN = ("lab", "hunter2zq")
PASSWORD = ":".join(LOGIN)
READER = ("lab", "reports2zq")
SECRET = "for nobody else"
EXECUTION = "quick/20261123T020000Z"
# One of each kind of file that lies in a results folder beside the pages.
SECRETS = (
    f"{EXECUTION}/experiment.json",
    f"{EXECUTION}/flow.json",
    f"{EXECUTION}/data_images.csv",
    f"{EXECUTION}/runs/cnn10-cpu/record.json",
    f"{EXECUTION}/runs/cnn10-cpu/log.txt",
    f"{EXECUTION}/runs/cnn10-cpu/model.keras",
    f"{EXECUTION}/runs/cnn10-cpu/report.html",
    ".cache/decoded/images.npy",
    ".cache/decoded/report.html",
)
# What a page that nobody wrote asks for, outside of what it is given.
ASTRAY = (
    f"{EXECUTION}/runs/../flow.json",
    f"{EXECUTION}/runs/%2e%2e/flow.json",
    f"{EXECUTION}/report.html/../flow.json",
    f"{EXECUTION}/report.html%2f..%2fflow.json",
    f"{EXECUTION}/report.html%00.json",
    f"{EXECUTION}//flow.json",
    ".%63ache/decoded/report.html",
    "../prefect.yaml",
    "%2e%2e/prefect.yaml",
    "..%2fprefect.yaml",
    "../../../../../../etc/passwd",
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with lab_home() as found:
        yield found


@pytest.fixture(scope="module")
def before_a_server(home: Path, new_home: Callable[[], Path]) -> Iterator[Proxy]:
    """An nginx before a server, both as the guide sets them."""
    server = Server(
        new_home(),
        PREFECT_SERVER_API_AUTH_STRING=PASSWORD,
        PREFECT_API_AUTH_STRING=PASSWORD,
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED="true",
        PREFECT_SERVER_UI_API_URL="/api",
        PREFECT_SERVER_UI_V2_ENABLED="false",
        PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
    )
    try:
        server.start()
        port = urlsplit(server.api).port
        assert port is not None
        with proxy(port, home, READER[1]) as found:
            yield found
    finally:
        server.stop()


@pytest.fixture(scope="module")
def client(before_a_server: Proxy) -> Iterator[httpx.Client]:
    """A client with the password, and a token against forged requests."""
    trust = ssl.create_default_context(cafile=before_a_server.certificate)
    with client_of(before_a_server.api, trusted=trust, auth=LOGIN) as found:
        token = found.get("csrf-token", params={"client": "tests"}).raise_for_status().json()
        headers = {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token["token"]}
        found.headers.update(headers)
        yield found


class Remote(Lab):
    """A lab whose worker, and whose people, have the proxy's address alone."""

    def __init__(self, folder: Path, client: httpx.Client, environment: dict[str, str]) -> None:
        super().__init__(folder, str(client.base_url).rstrip("/"), environment)
        self._client = client

    def ask(self, path: str, **body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()

    def read(self, flow_run: str) -> Any:
        return self._client.get(f"flow_runs/{flow_run}").raise_for_status().json()


@pytest.fixture(scope="module")
def lab(
    before_a_server: Proxy,
    client: httpx.Client,
    home: Path,
    lab_folder: Path,
    lab_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Remote]:
    """A lab in the folder that nginx serves reports from, and its worker."""
    (folder := home / "app").mkdir(exist_ok=True)
    for file in lab_folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    access = elsewhere(before_a_server) | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    found = Remote(folder, client, lab_environment | access)
    found.open(tmp_path_factory.mktemp("start"))
    yield found
    found.close()


def elsewhere(at: Proxy) -> dict[str, str]:
    """The variables of commands on other machines, as the guide says them."""
    return {
        "PREFECT_API_URL": at.api,
        "PREFECT_API_AUTH_STRING": PASSWORD,
        "PREFECT_API_SSL_CERT_FILE": str(at.certificate),
    }


def test_a_client_elsewhere_makes_and_reads_flow_runs_and_nobody_without_the_password(
    before_a_server: Proxy,
) -> None:
    @flow
    def made_elsewhere() -> None: ...

    settings = {
        PREFECT_API_URL: before_a_server.api,
        PREFECT_API_AUTH_STRING: PASSWORD,
        PREFECT_API_SSL_CERT_FILE: str(before_a_server.certificate),
    }
    with temporary_settings(settings), get_client(sync_client=True) as known:
        made = known.create_flow_run(made_elsewhere, name="from afar")
        assert known.read_flow_run(made.id).name == "from afar"
    trust = ssl.create_default_context(cafile=before_a_server.certificate)
    read = f"{before_a_server.api}/flow_runs/{made.id}"
    assert httpx.get(read, verify=trust).status_code == 401
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(read)


def test_a_worker_elsewhere_runs_a_flow_and_its_page_follows(
    lab: Remote, before_a_server: Proxy, browser: Browser
) -> None:
    flow_run = lab.begin()
    log_in(browser, before_a_server.address)
    page = RunPage(browser, before_a_server.address, flow_run)
    page.wait_for("Running")
    lab.waits.unlink()
    page.wait_for("Completed")  # nobody loads it again
    assert page.asked_elsewhere == []
    browser.go("about:blank")  # the UI asks as long as it is open

    assert lab.state(flow_run) == "COMPLETED"
    assert lab.statuses() == ["completed"]
    [worker] = lab.ask("work_pools/lungbench/workers/filter")
    assert worker["status"] == "ONLINE"
    # Events come by a websocket, which has a password of its own and must be let through.
    mine = {"resource": {"id": [f"prefect.flow-run.{flow_run}"]}}
    beats = {"event": {"prefix": ["prefect.flow-run.heartbeat"]}} | mine
    assert wait_for(lambda: lab.ask("events/filter", filter=beats)["events"])
    wait_for(lambda: ("/api/events/in", 101) in before_a_server.asked)
    [execution] = lab.executions
    page = f"/results/tiny/{execution.name}/report.html"
    assert Reports(before_a_server).get(page, READER) == (200, "a report")


def log_in(browser: Browser, address: str) -> None:
    """Do what the UI's first page asks of a stranger."""
    browser.call("Security.enable")
    browser.call("Security.setIgnoreCertificateErrors", ignore=True)
    browser.open(address, width=1440)
    field = "document.querySelector('input[type=password]')"
    wait_for(lambda: browser.value(f"{field} !== null && ({field}.focus(), true)"))
    browser.call("Input.insertText", text=PASSWORD)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    for event in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=event, **enter)
    wait_for(lambda: browser.value("location.pathname") == "/dashboard")


def test_doctor_elsewhere_finds_a_server_with_a_password(
    before_a_server: Proxy, lab_environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", "doctor", "--json"],
        env=lab_environment | elsewhere(before_a_server),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    found = {each["name"]: each for each in json.loads(ended.stdout)}
    assert found["prefect server"]["outcome"] == "pass"
    assert found["prefect exposure"]["outcome"] == "pass"
    assert found["prefect exposure"]["found"].endswith("asks for a password")


@pytest.fixture(scope="module")
def reports(before_a_server: Proxy, home: Path) -> "Reports":
    """What a results folder holds, each file with its own words."""
    results = home / "app/results"
    for path in (*SECRETS, "../prefect.yaml"):
        write(results / path, SECRET)
    write(results / "index.html", "the index")
    write(results / EXECUTION / "report.html", "the report")
    return Reports(before_a_server)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Reports:
    """What nginx answers about reports, to a path that nobody tidies on the way."""

    def __init__(self, at: Proxy) -> None:
        self._at = at

    def get(self, path: str, login: tuple[str, str] | None = None) -> tuple[int, str]:
        place = urlsplit(self._at.address)
        trust = ssl.create_default_context(cafile=self._at.certificate)
        asked = http.client.HTTPSConnection("localhost", place.port, context=trust, timeout=60)
        known = b64encode(":".join(login or ()).encode()).decode()
        asked.request("GET", path, headers={"Authorization": f"Basic {known}"} if login else {})
        answer = asked.getresponse()
        status, text = answer.status, answer.read().decode()
        asked.close()
        return status, text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/results/", "the index"),
        ("/results/index.html", "the index"),
        (f"/results/{EXECUTION}/report.html", "the report"),
    ],
)
def test_pages_are_for_those_with_the_password_of_the_reports(
    path: str, text: str, reports: Reports
) -> None:
    assert reports.get(path, READER) == (200, text)
    for login in (None, ("lab", "wrong"), LOGIN):
        status, answer = reports.get(path, login)
        assert (status, text in answer) == (401, False)


@pytest.mark.parametrize("path", [*SECRETS, f"{EXECUTION}/", "quick/", "nothing", "index.htmlx"])
def test_all_else_of_the_results_is_not_there(path: str, reports: Reports) -> None:
    for login in (None, READER):
        status, text = reports.get(f"/results/{path}", login)
        assert (status, SECRET in text) == (404, False)


@pytest.mark.parametrize("path", ASTRAY)
def test_no_way_of_writing_a_path_leads_to_what_is_not_served(path: str, reports: Reports) -> None:
    for login in (None, READER):
        _, text = reports.get(f"/results/{path}", login)
        # Above the results is Prefect's UI, which answers any address with its own page.
        assert SECRET not in text
        assert "root:" not in text
