import vmss_jenkins


def test_the_package_tells_its_version() -> None:
    assert vmss_jenkins.__version__.count(".") == 2
