"""Forms that are read while they come in: no part is held whole, and a slow reader slows the client.

    async for part in stream_form(request):
        if part.filename:
            await part.save(folder / "upload.bin")
        else:
            fields[part.name] = await part.text()

Works in any ASGI application that has a Starlette `Request`; multipart and urlencoded forms alike.
"""

from mattermost_plugin.forms.errors import FormError, FormTooLarge, MalformedForm
from mattermost_plugin.forms.limits import FormLimits
from mattermost_plugin.forms.parts import FormPart
from mattermost_plugin.forms.streaming import stream_form

__all__ = ["FormError", "FormLimits", "FormPart", "FormTooLarge", "MalformedForm", "stream_form"]
