"""The next job after a build: its name for the build's description, its form and parameters for the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

LONGEST_IN_LINK = 3000
"""Most characters of a parameter in a link: servers accept links of 8 kB, and quoting makes it longer."""


@dataclass(frozen=True)
class NextJob:
    """A job beside the one that runs, which a person may start next."""

    name: str
    parameters: Mapping[str, str]
    """Name -> value of the parameters to fill in."""

    def lines(self, job_url: str, *, prefilled: bool) -> Iterator[str]:
        """Write where its form is, for a console: there a URL becomes a link.

        Args:
            job_url: address of the job that runs; empty outside of a build.
            prefilled: whether the server has the plugin build-with-parameters, whose form takes values from its link.
                Jenkins' own form does not, so the values are written below the link.
        """
        folder = job_url.rpartition("/job/")[0]
        if folder and prefilled:
            yield f"next: {folder}/job/{quote(self.name)}/parambuild/?{urlencode(self.parameters)}"
            return
        form = f"{folder}/job/{quote(self.name)}/build?delay=0sec" if folder else f"the job {self.name}"
        yield f"next: {form} with these parameters:"
        yield from (f"    {name}={value}" for name, value in self.parameters.items())
