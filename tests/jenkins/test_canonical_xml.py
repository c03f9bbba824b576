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
    unmarked,
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


def paths(inner: str) -> dict[str, str]:
    """The canonical form of a job with these elements."""
    return dict(canonical(f"<flow-definition>{inner}</flow-definition>"))


def parameter(kind: str, inner: str) -> str:
    name = "hudson.model.ParametersDefinitionProperty"
    listed = f"<parameterDefinitions><{kind}>{inner}</{kind}></parameterDefinitions>"
    return f"<properties><{name}>{listed}</{name}></properties>"


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        ("<actions/><triggers/>", {}),
        ("<triggers><x.Cron><spec>H 4 * * *</spec></x.Cron></triggers>",
         {"triggers/Cron": "set", "triggers/Cron/spec": "H 4 * * *"}),
        ("<disabled>false</disabled><keep> -1 </keep><quiet></quiet>", {}),
        ("<definition class='a.b.CpsFlow'><script>s</script></definition>", {"definition": "CpsFlow", "script": "s"}),
        ("<definition><script>s</script></definition>", {"definition": "", "script": "s"}),
        ("<definition><scm class='hudson.plugins.git.GitSCM'><configVersion>2</configVersion></scm></definition>",
         {"definition": "", "definition scm": "GitSCM"}),
        ("<definition><scm class='x.Other'><configVersion>2</configVersion></scm></definition>",
         {"definition": "", "definition scm": "Other", "definition scm/configVersion": "2"}),
        ("<definition><hudson.plugins.git.GitSCM><configVersion>2</configVersion></hudson.plugins.git.GitSCM></definition>",
         {"definition": "", "definition hudson.plugins.git.GitSCM": "set"}),
        ("<a class='plain'><b>1</b></a>", {"a/b": "1"}),
        ("<a><b>1</b><b>2</b><b>3</b></a>", {"a/b": "1", "a/b[2]": "2", "a/b[3]": "3"}),
        (parameter("hudson.model.BooleanParameterDefinition", "<name>B</name><defaultValue>false</defaultValue>"),
         {"parameter B type": "BooleanParameterDefinition"}),
        (parameter("hudson.model.StringParameterDefinition", "<name>S</name><defaultValue>false</defaultValue>"),
         {"parameter S type": "StringParameterDefinition", "parameter S defaultValue": "false"}),
        (parameter("x.Choice", "<name>C</name><choices><string>a</string><string/></choices>"),
         {"parameter C type": "Choice", "parameter C choices": "a\n"}),
        (parameter("x.Nameless", ""), {"parameter  type": "Nameless"}),
    ],
)  # fmt: skip
def test_the_form_of_each_element(inner: str, found: dict[str, str]) -> None:
    assert paths(inner) == {"type": "flow-definition", **found}


def test_a_text_that_looks_like_a_declaration_is_a_text() -> None:
    declared = "<?xml version='1.1'?>" + PLAIN.format("", "<![CDATA[<?xml version='1.1'?>]]>")
    assert canonical(declared)["script"] == "<?xml version='1.1'?>"
    assert difference(declared, declared.removeprefix("<?xml version='1.1'?>")) == ()


def test_an_update_keeps_the_actions_of_runs() -> None:
    updated = with_actions(POSTED, AFTER_A_RUN)
    assert "DeclarativeJobPropertyTrackerAction" in updated
    assert difference(POSTED, updated) == ()
    assert with_actions(POSTED, READ) == POSTED
    assert updated.startswith("<?xml version='1.1' encoding='UTF-8'?>\n<flow-definition")
    root = parse(with_actions(AFTER_A_RUN, AFTER_A_RUN))
    assert [child.tag for child in root].count("actions") == 1, "those of the file are replaced"
    assert (root[0].tag, root[0].tail) == ("actions", "\n  ")


@pytest.mark.parametrize(
    "bad", ["", "nonsense", "<a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<!DOCTYPE a><a/>", "<a>&#x1b;</a>"]
)
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
    assert described(Change("script", None, "a")) == ("script: absent -> 'a'",)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_a_mark_is_found_again(source: str) -> None:
    assert marked_in(f"Words.\n\n{mark(source)}") == (" ".join(source.split()) or None)


def test_a_job_of_somebody_else_has_no_mark() -> None:
    assert marked_source(POSTED) is None
    assert marked_source("<flow-definition/>") is None
    assert unmarked(f"  Words.\n\n{mark('vmss.yaml')}\n") == "  Words."
    assert marked_source(PLAIN.format(mark("a <b>.yaml").replace("<", "&lt;"), "")) == "a <b>.yaml"
