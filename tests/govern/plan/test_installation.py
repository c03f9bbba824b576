"""Which hooks a set gets."""

from __future__ import annotations

from vmss_jenkins.govern.plan.installation import plan_install, plan_uninstall
from vmss_jenkins.model.os_upgrades.hooks import (
    DefaultAction,
    Hook,
    HookKind,
    OsUpgradePolicy,
    hooks_patch,
    policy_from,
)

REJECT, APPROVE = DefaultAction.REJECT, DefaultAction.APPROVE
SCHEDULING, BATCH = (kind.value for kind in HookKind)
OTHER = Hook("SomethingNewer", APPROVE, "PT1H")


def test_both_hooks_are_added_and_reject_by_default() -> None:
    plan = plan_install(OsUpgradePolicy(), REJECT)
    assert plan.after == (Hook(SCHEDULING, REJECT), Hook(BATCH, REJECT))
    assert plan.lines() == (
        f"hook {SCHEDULING}: added: Azure asks before an OS upgrade begins, and rejects without an answer",
        f"hook {BATCH}: added: Azure asks before each batch of it, and rejects without an answer",
    )


def test_a_hook_that_is_there_keeps_its_wait_and_gets_the_default_action_and_others_stay() -> None:
    plan = plan_install(OsUpgradePolicy(hooks=(OTHER, Hook(BATCH, APPROVE, "PT2H"))), REJECT)
    assert plan.after == (OTHER, Hook(BATCH, REJECT, "PT2H"), Hook(SCHEDULING, REJECT))
    assert [line.split(":")[1].strip() for line in plan.lines()] == ["there already", "changed", "added"]


def test_a_second_time_nothing_changes_and_it_is_said() -> None:
    first = plan_install(OsUpgradePolicy(), REJECT)
    again = plan_install(OsUpgradePolicy(hooks=first.after), REJECT)
    assert not again.changes
    assert all("there already" in line for line in again.lines())


def test_approving_by_default_is_said() -> None:
    assert "and approves without an answer" in plan_install(OsUpgradePolicy(), APPROVE).lines()[0]


def test_only_our_kinds_are_removed() -> None:
    plan = plan_uninstall(OsUpgradePolicy(hooks=(OTHER, Hook(BATCH, REJECT))))
    assert plan.after == (OTHER,)
    assert plan.lines() == (f"hook {OTHER.kind}: there already", f"hook {BATCH}: removed")
    assert not plan_uninstall(OsUpgradePolicy(hooks=(OTHER,))).changes


def test_a_policy_is_read_from_azures_body_and_hooks_are_written_as_it_takes_them() -> None:
    hooks = [{"type": BATCH, "waitDuration": "PT1H", "defaultAction": "Reject"}, {"type": SCHEDULING}]
    body = {
        "etag": "7",
        "properties": {
            "upgradePolicy": {
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": True}
            },
            "lifecycleHooksProfile": {"lifecycleHooks": hooks},
        },
    }
    policy = policy_from(body)
    assert policy == OsUpgradePolicy(
        automatic=True, deferral=True, hooks=(Hook(BATCH, REJECT, "PT1H"), Hook(SCHEDULING, APPROVE)), etag="7"
    )
    assert policy.asks
    assert policy_from({"properties": {"upgradePolicy": None}}) == OsUpgradePolicy()
    assert not OsUpgradePolicy(automatic=True).asks
    written = hooks_patch(policy.hooks)["properties"]["lifecycleHooksProfile"]["lifecycleHooks"]
    assert written == [hooks[0], {"type": SCHEDULING, "defaultAction": "Approve"}]
