"""The canonical form of a job's configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_jenkins import rewriting
from tests.support.jenkins_cases import AFTER_A_RUN, POSTED, READ
from vmss_jenkins.jenkins.plan.canonical_xml import (
    Change,
    canonical,
    described,
    difference,
    mark,
    marked_in,
    marked_source,
    parse,
    serialised,
    with_actions,
)

PLAIN = (
    "<flow-definition><description>{}</description>"
    "<definition class='x.Cps'><script>{}</script></definition></flow-definition>"
)


def test_a_config_is_the_same_before_and_after_jenkins_rewrites_it() -> None:
    assert canonical(POSTED) == canonical(READ) == canonical(AFTER_A_RUN)


def test_each_value_has_a_readable_path() -> None:
    found = canonical(POSTED)
    assert found["parameter RESOURCE_GROUP defaultValue"] == "rg & co"
    assert found["parameter STRATEGY choices"] == "waves\nwindow"
    assert found["property DisableConcurrentBuildsJobProperty"] == "set"
    assert found["script"].endswith("""sh 'echo "$RESOURCE_GROUP"' } } } }""")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("rg &amp; co", "rg", "parameter RESOURCE_GROUP defaultValue"),
        ("&apos;go&apos;", "&apos;stop&apos;", "script"),
        ("echo", "echo ", "script"),
        ("<trim>true", "<trim>false", "parameter RESOURCE_GROUP trim"),
        ("<numToKeep>50", "<numToKeep>5", "property BuildDiscarderProperty/strategy/numToKeep"),
        ("<string>waves", "<string>none", "parameter STRATEGY choices"),
        ("<disabled>false", "<disabled>true", "disabled"),
        ("<sandbox>true", "<sandbox>false", "definition sandbox"),
        ("<abortPrevious>false", "<abortPrevious>true", "property DisableConcurrentBuildsJobProperty/abortPrevious"),
        ("canary</description>", "mine</description>", "description"),
    ],
)
def test_a_change_by_hand_is_found(old: str, new: str, what: str) -> None:
    assert old in AFTER_A_RUN
    assert what in {change.what for change in difference(POSTED, AFTER_A_RUN.replace(old, new, 1))}


def test_a_parameter_added_by_hand_is_found() -> None:
    extra = "<hudson.model.StringParameterDefinition><name>X</name></hudson.model.StringParameterDefinition>"
    changed = AFTER_A_RUN.replace("</parameterDefinitions>", extra + "</parameterDefinitions>")
    assert Change("parameter X type", "StringParameterDefinition", None) in difference(POSTED, changed)


@pytest.mark.parametrize("default", ["false", "-1", " "])
def test_a_text_that_looks_unset_is_a_text(default: str) -> None:
    changed = AFTER_A_RUN.replace("rg &amp; co", default, 1)
    assert canonical(changed)["parameter RESOURCE_GROUP defaultValue"] == default


def test_declarations_of_the_jenkinsfile_are_not_a_difference_after_a_run() -> None:
    script = (
        "pipeline { options { disableConcurrentBuilds() } triggers { cron('H 4 * * *') } "
        "parameters { string(name: 'LATE') } }"
    )
    wanted = PLAIN.format("", script)
    ran = rewriting.as_run(wanted)
    assert {"LATE", "H 4 * * *"} <= {element.text for element in parse(ran).iter()}
    assert difference(wanted, ran) == ()
    untracked = ran.replace("<string>LATE</string>", "")
    assert {change.what for change in difference(wanted, untracked)} == {"parameter LATE type"}


def test_an_update_keeps_the_actions_of_runs() -> None:
    updated = with_actions(POSTED, AFTER_A_RUN)
    assert "DeclarativeJobPropertyTrackerAction" in updated
    assert difference(POSTED, updated) == ()
    assert with_actions(POSTED, READ) == POSTED


@pytest.mark.parametrize("bad", ["", "nonsense", "<a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>&#x1b;</a>"])
def test_an_unreadable_configuration_is_a_value_error(bad: str) -> None:
    with pytest.raises(ValueError, match="not the XML of a job"):
        parse(bad)


# Any character of XML 1.0; a carriage return is in a file as a reference only.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\n\t\r")
)


@given(TEXT)
def test_any_default_of_a_parameter_survives_the_rewriting(default: str) -> None:
    root = parse(POSTED)
    element = root.find(".//hudson.model.StringParameterDefinition/defaultValue")
    assert element is not None
    element.text = default
    written = serialised(root)
    assert canonical(written).get("parameter RESOURCE_GROUP defaultValue", "") == default
    assert difference(written, rewriting.as_run(written)) == ()


@given(TEXT)
def test_any_script_survives_the_rewriting(script: str) -> None:
    root = parse(PLAIN.format("", ""))
    element = root.find("definition/script")
    assert element is not None
    element.text = script
    written = serialised(root)
    assert canonical(written).get("script", "") == script
    assert difference(written, rewriting.as_saved(written)) == ()


def test_a_change_of_a_script_is_shown_as_a_diff() -> None:
    assert described(Change("script", "a\nb\nc\nd", "a\nb\nx\nd")) == (
        "script:",
        "  @@ -2,3 +2,3 @@",
        "   b",
        "  -c",
        "  +x",
        "   d",
    )
    assert described(Change("disabled", "true", None)) == ("disabled: 'true' -> absent",)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_a_mark_is_found_again(source: str) -> None:
    assert marked_in(f"Words.\n\n{mark(source)}") == (" ".join(source.split()) or None)


def test_a_job_of_somebody_else_has_no_mark() -> None:
    assert marked_source(POSTED) is None
    assert marked_source(PLAIN.format(mark("a <b>.yaml").replace("<", "&lt;"), "")) == "a <b>.yaml"
