"""Where the fits of the page of objectives come from: a job, the store, or nowhere yet."""

from gmviz.experiments import objectives as experiment
from gmviz.experiments.courses import Course
from gmviz.ui.cache import cached
from gmviz.ui.work import Work


def fits(request: experiment.Request, work: Work) -> tuple[tuple[Course, ...], bool, str]:
    """What is there of the fits, whether that is all, and where it comes from."""
    now = work.now
    if now is not None and (courses := now.result or now.partial):
        return courses, now.result is not None, "Fitted just now."
    if found := experiment.from_store(request):
        return found[0], True, "From the store, made with the package." if found[1] else "From the store."
    return cached(experiment.untouched, request), False, "Not trained yet: press Fit."
