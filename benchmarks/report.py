"""The time and size of a report of a thousand instances, compared with only reading its events."""

import json
import time

from tests.support.stories import thousand
from vmss_jenkins.report import json as as_json
from vmss_jenkins.report import reading
from vmss_jenkins.report.html import page
from vmss_jenkins.report.story_builder import story_of


def seconds(began: float) -> float:
    return time.perf_counter() - began


def main() -> None:
    lines = [as_json.line(one.event, one.at.isoformat()) + "\n" for one in thousand()]
    began = time.perf_counter()
    for line in lines:
        json.loads(line)
    plain = seconds(began)
    began = time.perf_counter()
    events = reading.read_events(lines, "events")
    read = seconds(began)
    began = time.perf_counter()
    pages = page.pages(story_of(events))
    made = seconds(began)
    size = sum(len(text.encode()) for text in pages.values())
    print(f"{len(lines)} events, {sum(map(len, lines)) / 1e3:.0f} kB")
    print(f"json.loads alone      {plain:6.3f} s")
    print(f"read as typed events  {read:6.3f} s, {read / plain:.1f} times as long")
    print(f"report made of them   {made:6.3f} s, {made / plain:.1f} times as long")
    print(f"its files             {size / 1e3:6.0f} kB, {size / 2e6:.0%} of the 2 MB allowed")


if __name__ == "__main__":
    main()
