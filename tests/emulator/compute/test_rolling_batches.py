import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.emulator.compute.rolling_batches import (
    Candidate,
    RollingPolicy,
    next_batch,
    seconds,
    too_many_failed,
    too_unhealthy,
)

INSTANCES = st.lists(st.tuples(st.sampled_from([None, "1", "2", "3"]), st.booleans(), st.booleans()), max_size=40).map(
    lambda drawn: [Candidate(str(index), *one) for index, one in enumerate(drawn)]
)
POLICIES = st.builds(RollingPolicy, st.integers(5, 100), st.integers(5, 100), st.integers(0, 100))


@given(POLICIES, INSTANCES)
def test_a_batch_takes_waiting_instances_of_one_zone_and_never_more_than_its_share(
    policy: RollingPolicy, instances: list[Candidate]
) -> None:
    by_id = {one.id: one for one in instances}
    batch = [by_id[key] for key in next_batch(policy, instances)]
    assert bool(batch) == any(one.waits for one in instances)
    assert all(one.waits for one in batch)
    assert len({one.zone for one in batch}) <= 1
    assert len(batch) <= max(1, len(instances) * policy.batch // 100)


@given(POLICIES, INSTANCES)
def test_a_batch_and_the_unhealthy_instances_stay_within_the_limit(
    policy: RollingPolicy, instances: list[Candidate]
) -> None:
    batch = next_batch(policy, instances)
    outside = sum(one.bad and one.id not in batch for one in instances)
    assert len(batch) <= 1 or (len(batch) + outside) * 100 <= policy.unhealthy * len(instances)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT0S", 0), ("PT5M", 300), ("PT1M30S", 90), ("PT2H", 7200), ("PT0.5S", 0.5), ("PT", None), ("5", None)],
)
def test_a_pause_is_an_iso_duration(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(("bad", "ends"), [(0, False), (2, False), (3, True)])
def test_an_upgrade_ends_if_more_than_the_limit_are_unhealthy(bad: int, ends: bool) -> None:
    instances = [Candidate(str(number), bad=number < bad) for number in range(10)]
    assert bool(too_unhealthy(RollingPolicy(), instances, first=True)) == ends
    assert bool(too_unhealthy(RollingPolicy(), instances, first=False)) == ends


@pytest.mark.parametrize(("failed", "ends"), [("", False), ("a", False), ("ab", True)])
def test_an_upgrade_ends_if_more_than_the_limit_of_upgraded_instances_failed(failed: str, ends: bool) -> None:
    upgraded = "0123456789"[len(failed) :]
    assert bool(too_many_failed(RollingPolicy(unhealthy_upgraded=10), upgraded, failed)) == ends


def test_a_set_without_instances_is_not_unhealthy() -> None:
    assert too_unhealthy(RollingPolicy(), [], first=True) is None
    assert too_many_failed(RollingPolicy(unhealthy_upgraded=0), [], []) is None
