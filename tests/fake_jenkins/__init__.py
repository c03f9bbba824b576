"""A fake Jenkins 2.421, which answers as a real one did in recorded exchanges.

It has: login by token or password, crumbs, folders, pipeline jobs, plugins, credential ids, the linter's most common
answers, and the rewriting of config.xml on saving and on the first run of a declarative pipeline.
It does not have: builds, queues, views, other item types, permissions by folder.

Start it by hand: `python -m tests.fake_jenkins --port 0`.
"""

from tests.fake_jenkins.server import FakeJenkins

__all__ = ["FakeJenkins"]
