"""Two Django plugins on one origin, and somebody who logs in to both with one cookie jar."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PROGRAM = """
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from mattermost_plugin import Plugin, run_plugin

settings.configure(
    SECRET_KEY=__file__,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)
django.setup()


def login(request):
    if request.method == "POST":
        request.session["user"] = request.POST["user"]
    return HttpResponse(get_token(request))


def logout(request):
    request.session.flush()
    return HttpResponse("bye")


def who(request):
    return HttpResponse(request.session.get("user", "nobody") + " " + " ".join(sorted(request.COOKIES)))


urlpatterns = [path("login", login), path("logout", logout), path("who", who)]


class Site(Plugin):
    app = get_asgi_application()


run_plugin(Site)
"""
ONE, TWO = "com.example.one", "com.example.two"


def browsing(gateway: Gateway) -> httpx2.AsyncClient:
    """A client with a cookie jar."""
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE)


@pytest.mark.parametrize("transport", ["tunnel", "servehttp"])
async def test_a_login_to_one_plugin_leaves_the_other_login_alone(tmp_path: Path, transport: str) -> None:
    for id in (ONE, TWO):
        folder = tmp_path / id
        folder.mkdir()
        manifest = {"id": id, "server": {"runtime": "python", "executable": "plugin.py"}}
        (folder / "plugin.json").write_text(json.dumps(manifest))
        (folder / "plugin.py").write_text(PROGRAM)
    environment = {"SERVEHTTP_PLUGINS__TRANSPORT": transport}
    async with running(tmp_path, environment=environment) as gateway, browsing(gateway) as browser:
        for id, user in ((ONE, "ada"), (TWO, "grace")):
            token = (await browser.get(f"/plugins/{id}/login")).text
            answer = await browser.post(f"/plugins/{id}/login", data={"user": user, "csrfmiddlewaretoken": token})
            assert answer.status_code == 200
        mine = " csrftoken sessionid"
        for _ in range(2):
            assert (await browser.get(f"/plugins/{ONE}/who")).text == "ada" + mine
            assert (await browser.get(f"/plugins/{TWO}/who")).text == "grace" + mine
        assert {cookie.path for cookie in browser.cookies.jar} == {f"/plugins/{ONE}/", f"/plugins/{TWO}/"}
        await browser.get(f"/plugins/{ONE}/logout")
        assert (await browser.get(f"/plugins/{ONE}/who")).text == "nobody csrftoken"
        assert (await browser.get(f"/plugins/{TWO}/who")).text == "grace" + mine
