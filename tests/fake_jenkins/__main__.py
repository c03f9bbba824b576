"""`python -m tests.fake_jenkins --port 0`: serve the fake Jenkins on loopback until interrupted."""

import click

from tests.fake_jenkins.server import FakeJenkins


@click.command()
@click.option("--port", default=0, show_default=True, help="0 for any that is free.")
@click.option(
    "--credential", "credentials", multiple=True, default=["azure-canary"], show_default=True, help="An id it has."
)
def main(port: int, credentials: tuple[str, ...]) -> None:
    """Serve a fake Jenkins on 127.0.0.1."""
    fake = FakeJenkins(port)
    fake.state.credentials[""].update(credentials)
    click.echo(f"export JENKINS_URL={fake.url}")
    click.echo(f"export JENKINS_USER_ID={fake.user}")
    click.echo(f"export JENKINS_API_TOKEN={fake.token}")
    fake.serve()


if __name__ == "__main__":
    main()
