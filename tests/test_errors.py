from vmss_jenkins.errors import AzureError, ConfigError, Failure, UnsafeRollout, VmssJenkinsError


def test_one_reason_stands_in_the_line_and_several_below_each_other() -> None:
    assert str(ConfigError("--image", ["found neither"])) == "--image: found neither"
    assert str(ConfigError("file", ["a", "b"])) == "file:\n  - a\n  - b"


def test_an_unsafe_rollout_names_what_would_happen_and_the_flag() -> None:
    error = UnsafeRollout("All would follow.", "--allow")
    assert str(error) == "All would follow. Nothing was changed. To do it all the same, add --allow."


def test_an_azure_error_says_what_failed_why_and_what_next() -> None:
    bare = AzureError("read x", Failure("NotFound", "gone"))
    assert str(bare) == "could not read x: NotFound: gone"
    full = AzureError("read x", Failure("NotFound", "gone", request_id="1"), "look elsewhere")
    assert str(full) == "could not read x: NotFound: gone\n  request id: 1\n  next step: look elsewhere"


def test_each_error_ends_a_command_with_its_code() -> None:
    assert (VmssJenkinsError.exit_code, ConfigError.exit_code, AzureError.exit_code) == (1, 2, 1)
