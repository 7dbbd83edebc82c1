"""The fixtures in a project of its own, run by a pytest of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.patience import PATIENCE

pytest_plugins = ["pytester"]

# By these names they are found whether the package is installed or only on the path.
PLUGINS = ("-p", "mattermost_plugin.testing.pytest_plugin", "-p", "servehttp.testing.pytest_plugin")

CONFTEST = """
import pytest
from mattermost_plugin import Plugin
from mattermost_plugin.routing import get
from starlette.responses import PlainTextResponse

class Hello(Plugin):
    @get("/")
    async def hello(self, request):
        return PlainTextResponse(f"hello from {type(self).__name__}")

class Other(Hello):
    pass

@pytest.fixture
def plugin_class():
    return Hello
"""

TESTS = """
import pytest
from conftest import Other

@pytest.mark.anyio
async def test_async(plugin_client):
    assert (await plugin_client.get("/")).text == "hello from Hello"

def test_sync(blocking_plugin):
    assert blocking_plugin.get("/").text == "hello from Hello"

@pytest.mark.plugin(cls=Other)
def test_marked(blocking_plugin):
    assert blocking_plugin.get("/").text == "hello from Other"

@pytest.mark.plugin(activate=False)
def test_without_a_class_in_the_mark(blocking_plugin):
    assert blocking_plugin.get("/").text == "hello from Hello"
"""


def run(pytester: pytest.Pytester, conftest: str, tests: str) -> pytest.RunResult:
    pytester.makeconftest(conftest)
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess(*PLUGINS, "--strict-markers", timeout=PATIENCE)


def test_a_project_names_its_plugin_once_and_a_test_another_one(pytester: pytest.Pytester) -> None:
    run(pytester, CONFTEST, TESTS).assert_outcomes(passed=4)


def test_a_test_without_a_plugin_is_told_how_to_name_one(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "def test_it(blocking_plugin): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*which plugin? Mark the test with @pytest.mark.plugin(cls=MyPlugin)*")


def test_a_mark_that_marks_the_plugin_is_told_and_does_not_hide_a_test(pytester: pytest.Pytester) -> None:
    tests = "import pytest\nfrom conftest import Other\n@pytest.mark.plugin(Other)\ndef test_it(plugin): pass"
    result = run(pytester, CONFTEST, tests)

    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines("*@pytest.mark.plugin takes the class by name, cls=Other*")


def test_a_test_without_a_folder_is_told_how_to_name_one(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "def test_it(gateway): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*mark the test with @pytest.mark.plugin_folder(PATH)*")


def test_the_folder_is_the_nearest_with_a_manifest(pytester: pytest.Pytester) -> None:
    pytester.makefile(".json", plugin="{}")
    tests = "def test_it(plugin_folder, request): assert plugin_folder == request.path.parent"

    run(pytester, "", tests).assert_outcomes(passed=1)


@pytest.mark.parametrize(("fixture", "module"), [("fake_api", "sqlalchemy"), ("gateway", "pydantic_settings")])
def test_without_the_extra_its_name_is_told(pytester: pytest.Pytester, fixture: str, module: str) -> None:
    pytester.makefile(".json", plugin="{}")
    conftest = f"import sys\nsys.modules[{module!r}] = None"
    result = run(pytester, conftest, f"def test_it({fixture}): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(f"*the fixture `{fixture}` needs {module}: pip install 'servehttp?testing?'*")


def test_without_the_extra_the_rest_goes_on(pytester: pytest.Pytester) -> None:
    missing = "import sys\nsys.modules['sqlalchemy'] = sys.modules['pydantic_settings'] = None\n"

    run(pytester, missing + CONFTEST, TESTS).assert_outcomes(passed=4)


def test_pytest_does_not_wait_for_what_no_test_asks_for() -> None:
    look = "import sys, mattermost_plugin.testing.pytest_plugin, servehttp.testing.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=PATIENCE)

    assert not {"google.protobuf", "starlette", "sqlalchemy", "pydantic"} & set(done.stdout.split())
