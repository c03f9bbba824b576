"""Which lifecycle hooks a set gets, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, Hook, HookKind, OsUpgradePolicy

WHEN = {HookKind.SCHEDULING: "before an OS upgrade begins", HookKind.BATCH: "before each batch of it"}


@dataclass(frozen=True)
class HooksPlan:
    """A change of the hooks of a set."""

    before: tuple[Hook, ...]
    after: tuple[Hook, ...]

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return self.before != self.after

    def lines(self) -> tuple[str, ...]:
        """What becomes of each hook, for people."""
        known, wanted = ({one.kind: one for one in hooks} for hooks in (self.before, self.after))
        return tuple(_line(known.get(kind), wanted.get(kind)) for kind in {**known, **wanted})


def plan_install(policy: OsUpgradePolicy, default_action: DefaultAction) -> HooksPlan:
    """Add the hooks that are missing, and give those that exist the default action; their waits stay.

    Args:
        policy: the present one.
        default_action: what Azure does without an answer. Reject holds a set on its version while nobody governs it;
            Approve upgrades it unjudged.
    """
    kept = tuple(_with_default(one, default_action) for one in policy.hooks)
    added = tuple(Hook(kind.value, default_action) for kind in HookKind if policy.hook(kind) is None)
    return HooksPlan(policy.hooks, (*kept, *added))


def plan_uninstall(policy: OsUpgradePolicy) -> HooksPlan:
    """Remove the hooks of the kinds that are governed; others stay."""
    return HooksPlan(policy.hooks, tuple(one for one in policy.hooks if not _is_ours(one)))


def _is_ours(hook: Hook) -> bool:
    return any(hook.kind == kind.value for kind in HookKind)


def _with_default(hook: Hook, default_action: DefaultAction) -> Hook:
    return replace(hook, default_action=default_action) if _is_ours(hook) else hook


def _line(before: Hook | None, after: Hook | None) -> str:
    if after is None:
        return f"hook {before.kind if before else ''}: removed"
    verb = "rejects" if after.default_action is DefaultAction.REJECT else "approves"
    when = next((text for kind, text in WHEN.items() if kind.value == after.kind), "")
    does = f": Azure asks {when}, and {verb} without an answer" if when else ""
    if before == after:
        return f"hook {after.kind}: there already{does}"
    return f"hook {after.kind}: {'changed' if before else 'added'}{does}"
