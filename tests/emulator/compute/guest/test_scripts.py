"""Which commands of a script the emulator understands, and which it ignores."""

import pytest

from vmss_jenkins.emulator.compute.guest.scripts import run, texts
from vmss_jenkins.emulator.scenario.release import WELCOME, Release

BARE = Release("", serves=False)
INSTALL = "#!/bin/bash\nsudo apt-get update\nsudo apt-get install -y nginx\n"
EDIT = "sudo sed -i -e 's/Welcome to nginx/Welcome to nginx on Azure VMSS/' /var/www/html/index*.html\n"


def title(release: Release) -> str:
    return release.page.partition("<title>")[2].partition("</title>")[0] if release.serves else "refused"


@pytest.mark.parametrize(
    ("script", "wanted", "status"),
    [
        ("", "refused", 0),
        (INSTALL, "Welcome to nginx!", 0),
        (INSTALL + EDIT, "Welcome to nginx on Azure VMSS!", 0),
        (EDIT, "refused", 2),
        (EDIT + INSTALL, "Welcome to nginx!", 0),
        ("set -e\n" + EDIT + INSTALL, "refused", 2),
        ("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y install curl nginx", "Welcome to nginx!", 0),
        ("apt-get install -y nginx-doc", "refused", 0),
        ("# apt-get install -y nginx", "refused", 0),
        ("echo apt-get install nginx", "refused", 0),
        ("bash -c 'apt-get install -y nginx; exit 7'", "Welcome to nginx!", 7),
        ("bash -c", "refused", 0),
        ("exit 3\n" + INSTALL, "refused", 3),
        ("false && apt-get install -y nginx", "refused", 1),
        ("false || apt-get install -y nginx", "Welcome to nginx!", 0),
        ("false; apt-get install -y nginx", "Welcome to nginx!", 0),
        (INSTALL + "systemctl stop nginx", "refused", 0),
        (INSTALL + "service nginx stop\nsystemctl restart nginx", "Welcome to nginx!", 0),
        (INSTALL + "sed -i 's|nginx!|a/b|;s#Welcome#Hi#' /var/www/html/index.nginx-debian.html", "Hi to a/b", 0),
        (INSTALL + r"sed -i 's/nginx!/a\/b/' /var/www/html/index.html", "Welcome to a/b", 0),
        (INSTALL + "sed -i 's/n/N/g' index.html", "Welcome to NgiNx!", 0),
        (INSTALL + "sed -i 's/Welcome/Bye/' /etc/nginx/nginx.conf", "Welcome to nginx!", 0),
        (INSTALL + "echo 'a quotation that\ngoes on' && exit 1", "Welcome to nginx!", 0),
        (INSTALL + "sed -i \\\n 's/Welcome/Hi/' index.html", "Hi to nginx!", 0),
    ],
)
def test_a_script_changes_the_page(script: str, wanted: str, status: int) -> None:
    release, found = run(BARE, [script])
    assert (title(release), found) == (wanted, status)


def test_an_image_with_a_page_of_its_own_keeps_it_when_nginx_is_installed() -> None:
    release, _ = run(Release("<title>mine</title>"), [INSTALL])
    assert title(release) == "mine"


def test_an_instance_that_serves_after_a_script_is_healthy() -> None:
    assert run(BARE, [INSTALL])[0].found == "healthy"
    assert run(BARE, [INSTALL + "systemctl stop nginx"])[0].found == "unhealthy"


def test_a_release_that_is_unhealthy_by_itself_stays_so() -> None:
    assert run(Release(WELCOME, health="unhealthy"), [INSTALL])[0].found == "unhealthy"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("./a.sh", ("first",)),
        ("bash b.sh --now && ./a.sh", ("second", "first")),
        ("sh -c 'exit 1'", ("sh -c 'exit 1'",)),
    ],
)
def test_a_command_runs_the_files_that_it_names_or_else_its_own_text(command: str, wanted: tuple[str, ...]) -> None:
    assert texts(command, {"a.sh": "first", "b.sh": "second"}) == wanted
