"""Carries out a plan of jobs: folders first, then jobs, several at a time. A job is written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from http import HTTPStatus

from vmss_jenkins.errors import JenkinsError, SeedingFailed
from vmss_jenkins.events.seeding import FolderCreated, JobChanged
from vmss_jenkins.jenkins.plan.canonical_xml import with_actions
from vmss_jenkins.jenkins.plan.jobs import Create, Delete, JobPlan, Update
from vmss_jenkins.jenkins.ports import JenkinsJobs
from vmss_jenkins.runtime.waiting import Waiter

Pending = Create | Update | Delete
_WORDS = {Create: "created", Update: "updated", Delete: "deleted"}


def apply(server: JenkinsJobs, job_plan: JobPlan, connections: int, waiter: Waiter) -> None:
    """Carry out a plan.

    One request writes one job, so no job is ever half written. After a failure no new request starts, and the requests
    under way end. A new plan then holds only the rest.

    Raises:
        SeedingFailed: names the jobs that were changed, that failed and that were not started.
    """
    pending = job_plan.pending
    done = _make_folders(server, job_plan, waiter)
    if not pending:
        return
    with ThreadPoolExecutor(min(connections, len(pending))) as pool:
        futures = {pool.submit(_change, server, action, waiter): action for action in pending}
        try:
            failed = _await(futures, done, waiter)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        not_done = [each.path for each in pending if each.path not in {*done, *failed}]
        raise SeedingFailed(done, failed, not_done)


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


def _await(futures: Mapping[Future[None], Pending], done: list[str], waiter: Waiter) -> dict[str, str]:
    """Report each change when it ends; return the failures."""
    failed: dict[str, str] = {}
    changed = 0
    for future in as_completed(futures):
        action = futures[future]
        if future.cancelled():
            continue
        error = future.exception()
        if error is None:
            changed += 1
            done.append(action.path)
            waiter.on_event(JobChanged(action.path, _WORDS[type(action)], changed, len(futures)))
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
    if isinstance(action, Delete):
        waiter.retry(lambda: server.delete(path))
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
