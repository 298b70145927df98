"""How the API's documentation names keys."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "access.authentication.KeyAuthentication"
    name = "keyAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "pk_... or sk_...",
            "description": "A publishable key from pages of its origins, or a secret key from a server.",
        }
