"""The API's schema, and the pages that show it."""

from functools import cache
from threading import Lock

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

RENDERERS = {"yaml": OpenApiYamlRenderer, "json": OpenApiJsonRenderer}
_making = Lock()


class SchemaView(APIView):
    """The OpenAPI schema as YAML or, with `?format=json`, as JSON."""

    renderer_classes = SpectacularAPIView.renderer_classes
    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        with _making:  # Making it takes a second of a core, and drf-spectacular fails in two threads at once.
            body = _schema(renderer.format)
        disposition = f'inline; filename="Lamplight API.{renderer.format}"'
        return HttpResponse(
            body, content_type=request.accepted_media_type, headers={"Content-Disposition": disposition}
        )


@cache
def _schema(form: str) -> str | bytes:
    """The schema, made once in a process: it is the same for everybody."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return RENDERERS[form]().render(schema, renderer_context={})


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI. Its script is a file of its own, so that the page needs no inline one."""

    metadata_class = None  # OPTIONS is answered with 405: there is nothing to tell, and the page's template fails.
