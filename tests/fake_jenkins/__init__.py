"""A stand-in for Jenkins 2.421, which answers as recorded exchanges with one do.

What it does: log in by token or password, crumbs, folders, pipeline jobs, plugins, credential ids, the linter's
commonest verdicts, and the rewriting of config.xml on saving and on a declarative pipeline's first run.
What it does not: build anything, queues, views, other item types, permissions by folder.

Started by hand: `python -m tests.fake_jenkins --port 0`.
"""

from tests.fake_jenkins.server import FakeJenkins

__all__ = ["FakeJenkins"]
