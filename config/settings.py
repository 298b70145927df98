"""Every setting, in one file. What a shop may change comes from the environment (docs/configuration.md)."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from celery.schedules import crontab
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.database_connections import Connection
from config.environment import Environment, refuse
from config.version import VERSION
from staff import theme

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent
Environment.read_env(BASE_DIR / ".env")


def data_folder() -> Path:
    """Where everything that is not code lives: embedded servers, photos, secrets."""
    folder = Path(env.str("LAMPLIGHT_VAR", default="var"))
    return folder if folder.is_absolute() else BASE_DIR / folder


VAR = data_folder()
DEBUG = env.bool("DEBUG", default=False)
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.str("PORT", default="8000")
# One process holds one copy of the models; its threads share it.
WEB_PROCESSES = env.count("WEB_PROCESSES", default=1, least=1)
# Probes and `make run` ask under the local names, whatever the shop is called.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=[]), HOST, "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])


def secret_key() -> str:
    """SECRET_KEY, or one made at first use and kept in the data folder, readable by its owner alone."""
    if key := env.str("SECRET_KEY", default=""):
        return key
    from config.kept_secrets import kept_secret

    return kept_secret(VAR / "secret-key")


SECRET_KEY = secret_key()

INSTALLED_APPS = [
    "unfold",  # Before the admin, whose templates it replaces.
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "corsheaders",
    "access",
    "catalog",
    "search",
    "descriptions",
    "evaluation",
    "storefront",
    "staff",
    "operations",
]

MIDDLEWARE = [
    "config.logs.middleware.RequestIdMiddleware",
    "config.headers.HeadersMiddleware",
    "corsheaders.middleware.CorsMiddleware",  # Before all that refuses: a page may read why.
    "catalog.limits.RequestHeadersMiddleware",
    "config.redirects.SameMethodMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "catalog.limits.RequestSizeMiddleware",
    "search.api.page_throttle.PageThrottleMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.redirects.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "staff.bad_requests.BadRequestMiddleware",
    "search.api.errors.OutageMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- PostgreSQL -----------------------------------------------------------------------------------------------
# A pool per process; health checks on, or the first request after a database restart is answered with a 500.
# A web process takes at most a connection for each of eight threads of its lanes, two for /readyz, three for /metrics,
# and one for who asks whether staff send (config.web): fourteen. What a view asks for in further threads is the rest.
POOL = {"min_size": 1, "max_size": 18, "timeout": 3, "connection_class": Connection}
ADDRESS = "set it to one like {}, with %2F for a / in the password"


def database() -> dict[str, Any]:
    """DATABASE_URL, or PostgreSQL 18 + pgvector embedded in the data folder."""
    if url := env.str("DATABASE_URL", default=""):
        with suppress(ValueError):  # It quotes what it cannot read, and that may be the password.
            if env.DB_SCHEMES.get(urlsplit(url).scheme) == "django.db.backends.postgresql":
                return dict(env.db("DATABASE_URL"))
        refuse("DATABASE_URL", f"is no address: {ADDRESS.format('postgres://user:password@host:5432/name')}")
    return {"ENGINE": "config.embedded.database", "NAME": "lamplight", "USER": "lamplight"}


DATABASES = {"default": {**database(), "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}}
# A server that went away without a word is noticed in ten seconds, not in the kernel's fifteen minutes.
# A connection takes milliseconds. The pool must know that one cannot be had before its own patience is over.
PATIENCE = {"connect_timeout": 2, "tcp_user_timeout": 10_000, "keepalives_idle": 10}
# What the URL says, such as ?sslmode=require, stays.
DATABASES["default"]["OPTIONS"] = {**PATIENCE, **DATABASES["default"].get("OPTIONS", {}), "pool": POOL}
# What a command calls that looks at the servers and starts none. No room below config may import it.
LOOK_ON = "config.embedded.servers.look_on"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: broker and cache ------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")


def redis_url(database: int) -> str:
    """REDIS_URL in the database that it names, otherwise in this one; "embedded" is Redis in the data folder."""
    with suppress(ValueError):  # It quotes what it cannot read, and that may be the password.
        url = urlsplit(REDIS_URL or "redis://embedded")
        url.port  # noqa: B018  it is read only here
        if url.scheme in ("redis", "rediss") and url.hostname:
            return url._replace(path=url.path if url.path.strip("/") else f"/{database}").geturl()
    return refuse("REDIS_URL", f"is no address: {ADDRESS.format('redis://:password@host:6379')}")


CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_url(database=0),
        "KEY_PREFIX": "lamplight",
        # A Redis that hangs delays a page by this long, not for ever. One that lives answers in a millisecond.
        "OPTIONS": {
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            # A pooled connection may be to a Redis that was restarted since: one try more, on a new connection.
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        },
    }
}
if not REDIS_URL:
    CACHES["default"]["OPTIONS"]["pool_class"] = "config.embedded.redis_connections.ConnectionPool"
# What access.rates counts. Redis answers within a millisecond; a request does not wait for a count that is late.
CACHES["counts"] = {
    **CACHES["default"],
    "OPTIONS": {**CACHES["default"]["OPTIONS"], "socket_connect_timeout": 0.25, "socket_timeout": 0.25},
}
CACHES["counts_here"] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},  # Of 300 bytes each.
}

# --- Celery -----------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = redis_url(database=1)
if not REDIS_URL:
    CELERY_BROKER_TRANSPORT = "config.embedded.redis_connections:Transport"
# Messages are only bells (docs/architecture.md): a lost one is rung again by beat, so results are never kept.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task must end well before the visibility timeout, or Redis hands it to a second worker while it runs.
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A Redis that hangs fails a publish after 5 s; unset, it waits for ever. Workers wait 1 s for a message.
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # A worker outwaits any outage; by default it ends after 100 tries.
# So it does a Redis that refuses to write (MISCONF) because its disk is full; by default the worker ends.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TIMEZONE = "UTC"
# Building an index or training a head takes minutes: photos are indexed meanwhile by another worker.
CELERY_TASK_ROUTES = {
    "search.tasks.maintain": {"queue": "maintenance"},
    "search.tasks.train_head": {"queue": "maintenance"},
    "search.tasks.train_detector": {"queue": "maintenance"},
    "search.tasks.learn_words": {"queue": "maintenance"},
    "search.tasks.drop_space": {"queue": "maintenance"},
    "search.tasks.read_numbers": {"queue": "maintenance"},
    "search.tasks.roll_up": {"queue": "maintenance"},
    "operations.tasks.report_leftovers": {"queue": "maintenance"},
    "descriptions.tasks.tag_pending": {"queue": "maintenance"},
    # Others' servers are waited for.
    "search.tasks.read_feeds": {"queue": "fetching"},
    "search.tasks.fetch_pending": {"queue": "fetching"},
    # Each photo is waited for, for seconds to a minute.
    "descriptions.tasks.caption_pending": {"queue": "captions"},
}
CELERY_BEAT_SCHEDULER = "config.beat.Scheduler"
# Beat rings the same bells that the catalogue rings; a ring nobody took in time is dropped.
CELERY_BEAT_SCHEDULE = {
    "index pending photos": {"task": "search.tasks.index_pending", "schedule": 30, "options": {"expires": 30}},
    "go on with imports": {"task": "search.tasks.import_pending", "schedule": 30, "options": {"expires": 30}},
    "read feeds": {"task": "search.tasks.read_feeds", "schedule": 30, "options": {"expires": 30}},
    "fetch photos": {"task": "search.tasks.fetch_pending", "schedule": 30, "options": {"expires": 30}},
    "maintain the index": {"task": "search.tasks.maintain", "schedule": 600, "options": {"expires": 600}},
    "write the use of keys": {"task": "access.tasks.write_usage", "schedule": 60, "options": {"expires": 60}},
    "tag products": {"task": "descriptions.tasks.tag_pending", "schedule": 120, "options": {"expires": 120}},
    # At night; a ring that was missed is made up for when beat starts.
    "roll up": {"task": "search.tasks.roll_up", "schedule": crontab("20", "0"), "options": {"expires": 36_000}},
    "report leftovers": {
        "task": "operations.tasks.report_leftovers",
        "schedule": crontab("40", "0"),
        "options": {"expires": 36_000},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")

# --- REST ---------------------------------------------------------------------------------------------------
# Whether the API answers requests without a key. The shop's own page sends STOREFRONT_KEY.
ANONYMOUS_API = env.bool("ANONYMOUS_API", default=True)
SEARCH_THROTTLE = env.str("SEARCH_THROTTLE", default="120/min").lower()
# Pages and photos for each address. Behind one address there may be an office: five times as many pages as searches,
# and as many photos as 120 answers of 24 hits show, twice. A photo takes 0.8 ms: a flood takes a tenth of a core.
PAGE_THROTTLE = env.str("PAGE_THROTTLE", default="600/min").lower()
PHOTO_THROTTLE = env.str("PHOTO_THROTTLE", default="6000/min").lower()

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.authentication.KeyAuthentication",
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["access.permissions.CatalogPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["catalog.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "catalog.openapi.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["search.api.throttles.CatalogueThrottle"],
    "NUM_PROXIES": env.count("NUM_PROXIES", default=0),
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
}
# Pages of other origins may read answers of the API where a live publishable key names the origin (access.origins).
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_METHODS = ["GET", "POST"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "x-request-id"]
CORS_EXPOSE_HEADERS = ["X-Request-ID", "Retry-After"]
# Seconds that a browser keeps what it may send. Whether a page may read an answer is said by each answer anew.
CORS_PREFLIGHT_MAX_AGE = 600

DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "search.api.errors.ExceptionHandler"}

SPECTACULAR_SETTINGS = {
    "TITLE": "Lamplight API",
    "DESCRIPTION": "Visual search for shops: a photo goes in, the shop's most similar products come out.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ValidationErrorEnum": "drf_standardized_errors.openapi_serializers.ValidationErrorEnum.choices",
        "ClientErrorEnum": "drf_standardized_errors.openapi_serializers.ClientErrorEnum.choices",
        "ServerErrorEnum": "drf_standardized_errors.openapi_serializers.ServerErrorEnum.choices",
        "ErrorCode401Enum": "drf_standardized_errors.openapi_serializers.ErrorCode401Enum.choices",
        "ErrorCode403Enum": "drf_standardized_errors.openapi_serializers.ErrorCode403Enum.choices",
        "ErrorCode404Enum": "drf_standardized_errors.openapi_serializers.ErrorCode404Enum.choices",
        "ErrorCode405Enum": "drf_standardized_errors.openapi_serializers.ErrorCode405Enum.choices",
        "ErrorCode406Enum": "drf_standardized_errors.openapi_serializers.ErrorCode406Enum.choices",
        "ErrorCode415Enum": "drf_standardized_errors.openapi_serializers.ErrorCode415Enum.choices",
        "ErrorCode429Enum": "drf_standardized_errors.openapi_serializers.ErrorCode429Enum.choices",
        "ErrorCode500Enum": "drf_standardized_errors.openapi_serializers.ErrorCode500Enum.choices",
    },
    "POSTPROCESSING_HOOKS": ["drf_standardized_errors.openapi_hooks.postprocess_schema_enums"],
}

# --- Photos -----------------------------------------------------------------------------------------------------
MEDIA_ROOT = VAR / "media"
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "catalog.storage.PhotoStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Requests larger than this are refused before they are read: one 20 MB photo (ml.images) and its form.
MAX_REQUEST_BYTES = 21_000_000
# The product form of the admin takes several photos at once: twenty from a phone, at 4 MB each.
MAX_ADMIN_REQUEST_BYTES = 4 * MAX_REQUEST_BYTES
# The form that sends a whole catalogue with its photos. The server asks who sends it before it reads the body.
MAX_IMPORT_REQUEST_BYTES = 1_000_000_000
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "catalog.storage.TidyUploadHandler",
]
# What was sent for an import, until it is over. Not below MEDIA_ROOT: nobody may fetch it.
IMPORTS_ROOT = VAR / "imports"
# More than a product may have (catalog.photos.MAX_PHOTOS), so that the form can say so; above, Django answers curtly.
DATA_UPLOAD_MAX_NUMBER_FILES = 60

# --- Vision -----------------------------------------------------------------------------------------------------
# What the first space is made of: a backbone of ml.backbones, and "imagenet", "random" or the path of a state dict.
# Another space is made by create_space and activated, not configured.
LAMPLIGHT_BACKBONE = env.str("LAMPLIGHT_BACKBONE", default="resnet50")
LAMPLIGHT_WEIGHTS = env.str("LAMPLIGHT_WEIGHTS", default="imagenet")
# "auto" takes a GPU when torch sees one.
LAMPLIGHT_DEVICE = env.str("LAMPLIGHT_DEVICE", default="auto")
# What runs the network: "auto" takes torch on a GPU, and on the CPU OpenVINO where it is installed.
LAMPLIGHT_RUNTIME = env.str("LAMPLIGHT_RUNTIME", default="auto")
# The share of a worker's time, 0.1 to 1, that goes into a space built beside the live one. Half leaves the
# cores to queries every other second.
BUILD_SHARE = env.float("BUILD_SHARE", default=0.5)

# --- Words ------------------------------------------------------------------------------------------------------
# Which of PostgreSQL's dictionaries stem the words of products and queries: english, german, ... `prepare` applies it.
TEXT_LANGUAGE = env.str("TEXT_LANGUAGE", default="english").lower()
# What makes vectors of texts: the encoder that comes with Lamplight, the folder of another, or "none".
TEXT_ENCODER = env.str("TEXT_ENCODER", default="")

# --- Captions ---------------------------------------------------------------------------------------------------
# An OpenAI-compatible server of a vision-language model that describes products' photos; none by default.
CAPTION_URL = env.str("CAPTION_URL", default="")
CAPTION_MODEL = env.str("CAPTION_MODEL", default="")
CAPTION_KEY = env.str("CAPTION_KEY", default="")
# What the model is asked; empty: descriptions.vision_model.PROMPT.
CAPTION_PROMPT = env.str("CAPTION_PROMPT", default="")
CAPTION_LANGUAGE = env.str("CAPTION_LANGUAGE", default="English")
# Photos that the model is asked about at once.
CAPTION_REQUESTS = env.int("CAPTION_REQUESTS", default=2)
if CAPTION_URL:
    CELERY_BEAT_SCHEDULE["caption photos"] = {
        "task": "descriptions.tasks.caption_pending",
        "schedule": 60,
        "options": {"expires": 60},
    }

# --- Photos at web addresses ------------------------------------------------------------------------------------
# Private networks that addresses in catalogues may lead to; by default they lead to the internet alone.
FETCH_NETWORKS = env.networks("FETCH_NETWORKS")
# Whether addresses without TLS are fetched, too.
FETCH_HTTP = env.bool("FETCH_HTTP", default=False)
# Photos that a worker asks for at once: of one host, four at most.
FETCH_REQUESTS = env.count("FETCH_REQUESTS", default=16, least=1)
# Where those whose servers are asked may turn to: a page, or an address of mail.
FETCH_CONTACT = env.str("FETCH_CONTACT", default="").strip()
if not (FETCH_CONTACT.isascii() and FETCH_CONTACT.isprintable()) or set(FETCH_CONTACT) & set("()\\"):
    refuse("FETCH_CONTACT", "goes into a header: write a page or an address of mail in plain letters, no parentheses")
FETCH_USER_AGENT = f"Lamplight/{VERSION}" + (f" (+{FETCH_CONTACT})" if FETCH_CONTACT else "")

# --- Customers ------------------------------------------------------------------------------------------------
# Days that searches and events stay in the log; 0 keeps none.
QUERY_LOG_DAYS = env.int("QUERY_LOG_DAYS", default=30)
# Keeps the vectors of query photos in the log, so that the head learns from the categories that customers tell.
LEARN_FROM_FEEDBACK = env.bool("LEARN_FROM_FEEDBACK", default=False)

# --- Metrics ----------------------------------------------------------------------------------------------------
# Who sends it as a bearer token may read /metrics; without one only staff may, in their browser.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="").strip()
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    refuse("METRICS_TOKEN", "has fewer than 16 characters, which may be guessed: make one with `openssl rand -hex 32`")
# What the processes count (metrics.shared). Another version may count under other labels.
METRICS_ROOT = VAR / "metrics" / VERSION

# --- Storefront -------------------------------------------------------------------------------------------------
# Folders of photos that the page offers for trying, with commas between them; none by default.
STOREFRONT_SAMPLES = [Path(folder) for folder in env.list("STOREFRONT_SAMPLES", default=[])]
# A publishable key that the page sends, which a shop needs with ANONYMOUS_API=0. Whoever opens the page can read it.
STOREFRONT_KEY = env.str("STOREFRONT_KEY", default="").strip()
if STOREFRONT_KEY and not STOREFRONT_KEY.startswith("pk_"):
    refuse("STOREFRONT_KEY", "is no publishable key (pk_...), and anybody can read the page: see docs/api.md#keys")
# The sku of the product on /example/, a page of a shop with the widget; empty: there is no such page.
STOREFRONT_EXAMPLE = env.str("STOREFRONT_EXAMPLE", default="")

# --- Admin ------------------------------------------------------------------------------------------------------
LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = theme.UNFOLD

# --- Logs and reports of errors ---------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", "text", "json")
# Nothing below info: libraries write there what they send and are sent.
LOG_LEVEL = env.choice("LOG_LEVEL", "info", "warning", "error").upper()
LOGGING_CONFIG = "config.logs.setup.configure"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.lines.Formatter", "kind": LOG_FORMAT}},
    "handlers": {
        "console": {"class": "config.logs.lines.LineHandler", "formatter": "line"},
        "terminal": {"class": "config.logs.setup.TerminalHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "config.terminal": {"level": "INFO"},  # What the person who starts it must know.
        # Django's own handlers would write each error again, as it is.
        "django": {"handlers": [], "level": "NOTSET"},
        "django.server": {"handlers": [], "level": "CRITICAL"},  # runserver writes query strings.
        # Of the worker's pool, that a child was killed. billiard passes it on to nobody.
        "multiprocessing": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "waitress": {"level": "WARNING"},  # It notes each client that goes away.
        "django.request": {"level": "ERROR"},  # A refused request has its line already, with its status.
        "celery.worker.strategy": {"level": "WARNING"},  # It notes each task that comes,
        "celery.app.trace": {"level": "WARNING"},  # and each that is done: each task has a line already.
    },
}
if LOG_FORMAT == "text":  # What the supervisor tells is read at a terminal, without times and names.
    LOGGING["loggers"]["config.terminal"] |= {"handlers": ["terminal"], "propagate": False}

# Errors are reported to Sentry where its DSN is set. Otherwise the SDK is not even imported, which takes 10 MB.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production")
# The share of requests and tasks that are timed as well.
SENTRY_TRACES_SAMPLE_RATE = env.share("SENTRY_TRACES_SAMPLE_RATE")
if SENTRY_DSN:
    from config.logs import error_reports

    try:
        error_reports.start(SENTRY_DSN, SENTRY_ENVIRONMENT, f"lamplight@{VERSION}", SENTRY_TRACES_SAMPLE_RATE)
    except ValueError as error:
        refuse("SENTRY_DSN", f"is no DSN ({error}): copy it from your Sentry project's settings, or leave it empty")

# --- The rest ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# A reverse proxy that speaks TLS stands in front, and sets X-Forwarded-Proto itself.
if BEHIND_TLS := env.bool("BEHIND_TLS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]  # Probes and Prometheus come from inside.
    SECURE_HSTS_SECONDS = env.count("HSTS_SECONDS", default=3600)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Last, when all of it has been read.
ENVIRONMENT = sorted(env.names)
