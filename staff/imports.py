"""Imports in Django's admin: staff send files, see what would change, confirm, and watch."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.importing import jobs
from catalog.importing.albums import MAX_ENTRIES, MAX_UNPACKED_BYTES, Archive, Misuse
from catalog.importing.importer import Outcome
from catalog.importing.recognition import FORMATS, MAX_CSV_BYTES, MAX_ROWS, read_sent
from catalog.importing.rows import as_text
from catalog.models import Import
from catalog.storage import PrivateUploadHandler
from staff import photo_addresses
from staff.import_progress import is_held, progress, summary, title, told
from staff.lists import StaffModelAdmin

State = Import.State
ROWS_A_PAGE = 50


class ImportForm(forms.ModelForm):
    """Reports a file that cannot be imported as a whole as an error of its field. A worker checks the rows."""

    format = forms.ChoiceField(
        choices=[("", "Find out by the file"), *((format.name, format.title) for format in FORMATS.values())],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="What the catalogue was exported from. You need it only if a file is taken for another.",
    )

    class Meta:
        model = Import
        fields = ["csv", "photos", "format", "zip_names"]
        help_texts = {
            "csv": "Shopify's or WooCommerce's product export, a Google Merchant Center feed (XML or tabs), "
            "or a UTF-8 file whose first line names the columns: sku, name and category are required; image, "
            "description, price, currency, in_stock and url are not. Any other column is an attribute, such as color. "
            f"At most {MAX_ROWS:,} rows and {MAX_CSV_BYTES // 1_000_000} MB.",
            "photos": "The photos that the column image names, other than by web addresses. Without a CSV file, "
            "each photo becomes a product, and its folder names the category, such as chair/oak.jpg. "
            f"At most {MAX_ENTRIES:,} files that unpack to {MAX_UNPACKED_BYTES // 1_000_000_000} GB; "
            f"both files together have at most {settings.MAX_IMPORT_REQUEST_BYTES // 1_000_000_000} GB.",
        }

    def clean(self) -> dict[str, Any]:
        sent = self.cleaned_data
        table, photos = sent.get("csv"), sent.get("photos")
        if not self.errors and not (table or photos):
            raise forms.ValidationError("Choose a CSV file, a ZIP of photos, or both.")
        if sent.get("zip_names") and not photos:
            self.add_error("zip_names", "It goes with a ZIP of photos: choose one, or leave this empty.")
        if table and table.size > MAX_CSV_BYTES:
            self.add_error("csv", f"It has more than {MAX_CSV_BYTES // 1_000_000} MB: split it.")
        if not self.errors:
            self._look_into(table, photos, sent.get("format", ""), sent.get("zip_names", ""))
        return sent

    def _look_into(
        self, table: UploadedFile | None, photos: UploadedFile | None, format_name: str, zip_names: str
    ) -> None:
        field = "photos"
        archive = None
        try:
            if photos:
                archive = Archive(place_of(photos), str(photos.name), zip_names)
            field = "csv" if table else field
            read_sent(place_of(table) if table else None, archive, str(table and table.name), format_name)
        except Misuse as error:
            self.add_error(field, str(error))
        finally:
            if archive:
                archive.close()


def place_of(upload: UploadedFile) -> Path:
    """Where the upload lies on the disk. add_view has all uploads written there."""
    return Path(upload.temporary_file_path())  # type: ignore[attr-defined]


@admin.register(Import)
class ImportAdmin(StaffModelAdmin):
    form = ImportForm
    secret_fields = ("csv", "photos", "etag", "last_modified")
    list_display = ["files", "created_at", "sent_by", "status", "rows"]
    list_display_links = ["files"]
    list_filter = ["state", "feed"]
    list_select_related = ["created_by", "feed"]
    list_per_page = 50
    add_form_template = "staff/import_form.html"

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponseBase]]] = [
            ("progress", self.progress_view),
            ("report", self.report_view),
            ("start", require_POST(self.start_view)),
            ("cancel", require_POST(self.cancel_view)),
        ]
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"catalog_import_{name}")
            for name, view in views
        ]
        return own + super().get_urls()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.state in Import.OVER)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Rows are deleted with their import and not listed: there may be 100,000. An import that is not over stays."""
        busy = [f"{sent}, which is not over: cancel it first" for sent in objs if sent.state not in Import.OVER]
        return [str(sent) for sent in objs], {self.opts.verbose_name_plural: len(objs)}, set(), busy

    # The CSRF check would read the body first, even from users who may not import. changeform_view makes that check.
    @method_decorator(csrf_exempt)
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        # Uploads go to the disk, where the form looks into them.
        request.upload_handlers = [PrivateUploadHandler(request)]
        return super().add_view(request, form_url, {"title": "Import a catalogue", **(extra_context or {})})

    def save_model(self, request: HttpRequest, sent: Import, form: forms.ModelForm, change: bool) -> None:
        sent.created_by = request.user  # type: ignore[assignment]
        sent.csv_name, sent.photos_name = (file.name or "" for file in (sent.csv, sent.photos))
        super().save_model(request, sent, form, change)

    def response_add(self, request: HttpRequest, sent: Import, post_url_continue: str | None = None) -> HttpResponse:
        return to_page(sent)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The import's page: how far it is, what became of which row, and what can be done."""
        sent = self.of(request, object_id)
        counts = told(sent)
        chosen = next((outcome for outcome in counts if outcome == request.GET.get("outcome")), None)
        chosen = chosen or next((outcome for outcome in counts if getattr(sent, outcome)), Outcome.ADDED)
        pages = Paginator(sent.rows.filter(outcome=chosen), ROWS_A_PAGE)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(sent),
            "sent": sent,
            "progress": progress(sent),
            "counts": [(outcome, words, getattr(sent, outcome)) for outcome, words in counts.items()],
            "chosen": chosen,
            "page": pages.get_page(request.GET.get("page")),
            "shown": jobs.SHOWN_ROWS,
            "left_out": getattr(sent, chosen) - pages.count,
            "may_import": self.has_add_permission(request),
            "changes_something": bool(sent.added or sent.updated or sent.gone),
            "is_held": is_held(sent),
            "addresses": photo_addresses.of_import(sent),
            "is_waiting": sent.state in Import.WAITING,
            "can_delete": self.has_delete_permission(request, sent),
        }
        return TemplateResponse(request, "staff/import.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return JsonResponse(progress(self.of(request, pk)), headers={"Cache-Control": "no-store"})

    def report_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The refused rows and why, as a CSV file that spreadsheets open."""
        sent = self.of(request, pk)
        return StreamingHttpResponse(
            report(sent),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="refused-{sent.pk}.csv"'},
        )

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.act(request, pk, jobs.start, "Started.", "It is not waiting to be started.")

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.act(request, pk, jobs.cancel, "Cancelled.", "It is over already.")

    def act(
        self, request: HttpRequest, pk: int, verb: Callable[[Import], bool], done: str, too_late: str
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = self.of(request, pk)
        if verb(sent):
            self.log_change(request, sent, done)
        else:
            messages.warning(request, too_late)
        return to_page(sent)

    def of(self, request: HttpRequest, pk: int | str) -> Import:
        if not self.has_view_permission(request):
            raise PermissionDenied
        sent: Import | None = self.get_object(request, str(pk))
        if sent is None:
            raise Http404("There is no such import.")
        return sent

    @admin.display
    def files(self, sent: Import) -> str:
        return str(sent)

    @admin.display(description="state", ordering="state")
    def status(self, sent: Import) -> str:
        return title(sent)

    @admin.display
    def rows(self, sent: Import) -> str:
        return summary(sent)

    @admin.display(description="created by", ordering="created_by")
    def sent_by(self, sent: Import) -> str:
        return str(sent.created_by or (sent.feed_id and "its feed") or "–")


def to_page(sent: Import) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:catalog_import_change", args=[sent.pk]))


class Echo:
    """A file for csv.writer that returns each line instead of writing it."""

    def write(self, line: str) -> str:
        return line


def report(sent: Import) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield "\ufeff"  # without it Excel assumes another encoding
    yield writer.writerow([sent.unit or "row", "sku", "reason"])
    for row in sent.rows.filter(outcome=Outcome.REFUSED).iterator():
        yield writer.writerow(map(as_text, [row.place, row.sku, row.text]))
