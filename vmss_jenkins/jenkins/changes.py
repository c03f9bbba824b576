"""Carries out a plan of jobs: folders first, then jobs, several at a time. A job is written whole or not at all.

Jobs are disabled and deleted last, and only if everything else succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from http import HTTPStatus

from vmss_jenkins.errors import JenkinsError, SeedingFailed
from vmss_jenkins.events.seeding import FolderCreated, JobChanged
from vmss_jenkins.jenkins.plan.canonical_xml import with_actions
from vmss_jenkins.jenkins.plan.jobs import Create, Delete, Disable, JobPlan, Pending, Update
from vmss_jenkins.jenkins.ports import JenkinsJobs
from vmss_jenkins.runtime.waiting import Waiter

_WORDS = {Create: "created", Update: "updated", Disable: "disabled", Delete: "deleted"}


def apply(server: JenkinsJobs, job_plan: JobPlan, connections: int, waiter: Waiter) -> None:
    """Carry out a plan.

    One request writes one job, so no job is ever half written. After a failure no new request starts, and the requests
    under way end. A new plan then holds only the rest.

    Raises:
        SeedingFailed: names the jobs that were changed, that failed and that were not started.
    """
    pending = job_plan.pending
    done = _make_folders(server, job_plan, waiter)
    written = [each for each in pending if isinstance(each, Create | Update)]
    pruned = [each for each in pending if not isinstance(each, Create | Update)]
    for actions, before in ((written, 0), (pruned, len(written))):
        if failed := _carry_out(server, actions, done, connections, waiter, before, len(pending)):
            not_done = [each.path for each in pending if each.path not in {*done, *failed}]
            raise SeedingFailed(done, failed, not_done)


def _carry_out(
    server: JenkinsJobs,
    actions: Sequence[Pending],
    done: list[str],
    connections: int,
    waiter: Waiter,
    before: int,
    total: int,
) -> dict[str, str]:
    """Carry out actions, several at a time; return the failures."""
    if not actions:
        return {}
    with ThreadPoolExecutor(min(connections, len(actions))) as pool:
        futures = {pool.submit(_change, server, action, waiter): action for action in actions}
        try:
            return _await(futures, done, waiter, before, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _make_folders(server: JenkinsJobs, job_plan: JobPlan, waiter: Waiter) -> list[str]:
    done: list[str] = []
    for folder in job_plan.folders:
        try:
            _create(lambda path=folder: server.create_folder(path), lambda: None, waiter)  # type: ignore[misc]
        except JenkinsError as error:
            left = [each for each in job_plan.folders if each not in {*done, folder}]
            raise SeedingFailed(
                done, {folder: str(error)}, [*left, *(each.path for each in job_plan.pending)]
            ) from error
        done.append(folder)
        waiter.on_event(FolderCreated(folder))
    return done


def _await(
    futures: Mapping[Future[None], Pending], done: list[str], waiter: Waiter, changed: int, total: int
) -> dict[str, str]:
    """Report each change when it ends; return the failures."""
    failed: dict[str, str] = {}
    for future in as_completed(futures):
        action = futures[future]
        if future.cancelled():
            continue
        error = future.exception()
        if error is None:
            changed += 1
            done.append(action.path)
            waiter.on_event(JobChanged(action.path, _WORDS[type(action)], changed, total))
        elif isinstance(error, JenkinsError):
            failed[action.path] = str(error)
            _cancel(list(futures))
        else:
            raise error
    return failed


def _cancel(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.cancel()


def _change(server: JenkinsJobs, action: Pending, waiter: Waiter) -> None:
    path = action.path
    if isinstance(action, Delete | Disable):
        remove = server.delete if isinstance(action, Delete) else server.disable
        waiter.retry(lambda: remove(path))
        return
    xml = action.spec.config_xml
    if isinstance(action, Create):
        _create(lambda: server.create(path, xml), lambda: server.update(path, xml), waiter)
    else:
        config = _keeping_actions(action)
        waiter.retry(lambda: server.update(path, config))


def _create(create: Callable[[], None], overwrite: Callable[[], None], waiter: Waiter) -> None:
    """Create an item. If a first answer was lost in a restart and the item exists now, write over it."""
    tries = 0

    def attempt() -> None:
        nonlocal tries
        tries += 1
        try:
            create()
        except JenkinsError as error:
            if tries == 1 or error.status != HTTPStatus.BAD_REQUEST:
                raise
            overwrite()

    waiter.retry(attempt)


def _keeping_actions(action: Update) -> str:
    try:
        return with_actions(action.spec.config_xml, action.existing.config_xml or "")
    except ValueError:
        return action.spec.config_xml  # the server's config.xml cannot be read: replace it whole
