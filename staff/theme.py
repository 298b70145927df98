"""How the admin looks: django-unfold's settings."""

from typing import Any

from django.templatetags.static import static

from staff.navigation import SIDEBAR

# The storefront's amber on warm greys. White on primary-600 has a contrast of 5.7:1.
COLORS = {
    "base": {
        "50": "#faf9f7",
        "100": "#f4f2ee",
        "200": "#e7e3dc",
        "300": "#d5cfc5",
        "400": "#a69f93",
        "500": "#756e63",
        "600": "#575148",
        "700": "#443f37",
        "800": "#2a2621",
        "900": "#1c1915",
        "950": "#12100d",
    },
    "primary": {
        "50": "#fdf6e7",
        "100": "#fbe9c6",
        "200": "#f7d591",
        "300": "#f5c36b",
        "400": "#f4b653",
        "500": "#e99f2c",
        "600": "#96560a",
        "700": "#7d4708",
        "800": "#633806",
        "900": "#4a2a05",
        "950": "#2a1a02",
    },
}
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Lamplight",
    "SITE_HEADER": "Lamplight",
    "SITE_ICON": lambda request: static("storefront/lamp.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("storefront/lamp.svg")},
    ],
    "STYLES": [lambda request: static("staff/admin.css")],
    "LOGIN": {"form": "staff.login.LoginForm"},
    "COLORS": COLORS,
    "DASHBOARD_CALLBACK": "staff.dashboard.dashboard",
    "SIDEBAR": SIDEBAR,
}
