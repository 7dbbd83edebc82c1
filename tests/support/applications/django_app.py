"""The application in Django, run as ASGI."""

from __future__ import annotations

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse

from support.applications import pieces


async def item(request: HttpRequest, id: int) -> HttpResponseBase:
    return JsonResponse({"id": id, "query": request.GET["q"]})


async def link(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"link": reverse("item", args=[7])})


async def stream(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(pieces())


async def count(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"bytes": len(request.body)})


urlpatterns = [
    path("items/<int:id>", item, name="item"),
    path("link", link),
    path("stream", stream),
    path("count", count),
]

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for tests", MIDDLEWARE=[])
app = get_asgi_application()
