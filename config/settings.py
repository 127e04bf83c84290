"""All settings, read top to bottom. Values come from the environment; `.env.example` lists and explains them."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import api, environment, logging, reporting, servers, stack

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load(Path(os.environ.get("ENV_FILE", BASE_DIR / ".env")))

# -- This installation ----------------------------------------------------------------------------------------

SECRET_KEY = environment.text("SECRET_KEY", "50 or more random characters", min_length=50)
# After SECRET_KEY was changed, earlier keys still decrypt waiting texts and accept sessions.
SECRET_KEY_FALLBACKS = environment.words(
    "SECRET_KEY_FALLBACKS", "earlier SECRET_KEYs, comma-separated", pattern=r".{50,}", default=[]
)
# Encrypt what is stored of people (messaging/keyring.py). The first one writes, all of them read. The word `plain`
# before them: still write plain, while an earlier release runs that cannot read them.
DATA_KEYS = environment.data_keys("DATA_KEYS")
DEBUG = environment.boolean("DEBUG", default=False)
ALLOWED_HOSTS = environment.words(
    "ALLOWED_HOSTS", "host names, comma-separated", pattern=r"[\w.*\-\[\]:]+", default=[] if DEBUG else None
)
PUBLIC_BASE_URL = environment.url(
    "PUBLIC_BASE_URL", "the URL that phones and Twilio reach us at", schemes={"http", "https"}
)
_public = urlsplit(PUBLIC_BASE_URL)
if "_" in (_public.hostname or ""):
    raise ImproperlyConfigured("PUBLIC_BASE_URL is wrong: Twilio refuses host names with an underscore.")
HTTPS = _public.scheme == "https"
# Links in SMS begin with it: each of its characters leaves one less for name and number (alerts/contacts/checks.py).
LINK_BASE_URL = environment.url(
    "LINK_BASE_URL", "a short URL of this server", schemes={"http", "https"}, default=PUBLIC_BASE_URL
)
# For the contacts' page: the number it offers to call, the time zone of its times, and the server of its map tiles.
# Without tiles the page has no map, only links to map apps: tiles tell their server where somebody is in danger.
EMERGENCY_NUMBER = environment.text("EMERGENCY_NUMBER", "a number like 112", pattern=r"\+?\d{2,15}", default="112")
DISPLAY_TIME_ZONE = environment.zone("DISPLAY_TIME_ZONE", default="UTC")
MAP_TILE_URL = environment.text(
    "MAP_TILE_URL",
    "a URL with {z}, {x} and {y}",
    pattern=r"(?=.*\{z\})(?=.*\{x\})(?=.*\{y\})https?://[\w.-]+(:\d+)?/[\w./?=&%{}@-]+",
    default="",
)
MAP_ATTRIBUTION = environment.text(
    "MAP_ATTRIBUTION", "what the tiles' licence asks to be shown", default="© OpenStreetMap contributors"
)
OPS_EMAILS = environment.words(
    "OPS_EMAILS", "e-mail addresses, comma-separated", pattern=r"[^@\s]+@[^@\s]+", default=[]
)
# Proxies in front of us that append to X-Forwarded-For; 0: the peer's IP address is the client's.
NUM_PROXIES = int(environment.text("NUM_PROXIES", "a whole number from 0 to 9", pattern=r"[0-9]", default="0"))

# -- PostgreSQL and RabbitMQ ----------------------------------------------------------------------------------

DATABASES = {"default": servers.database("DATABASE_URL")}
# `manage.py migrate` then connects as this role, which owns the tables, and grants the role of DATABASE_URL what the
# application needs (config/roles.py). The application's processes need not know it.
APPLICATION_DATABASE = None
if environment.given("MIGRATION_DATABASE_URL"):
    APPLICATION_DATABASE, _owner = DATABASES["default"], servers.database("MIGRATION_DATABASE_URL")
    if sys.argv[1:2] in (["migrate"], ["rotatekeys"]):
        DATABASES = {"default": _owner}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

RABBITMQ_URLS = servers.broker("RABBITMQ_URL")
DRAMATIQ_BROKER: dict[str, Any] = {
    "BROKER": "config.broker.connect",
    "OPTIONS": {"urls": RABBITMQ_URLS},
    "MIDDLEWARE": [
        "dramatiq.middleware.AgeLimit",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.ShutdownNotifications",
        "dramatiq.middleware.Retries",
        "config.broker.ErrorNames",  # It follows Retries here, so it runs before Retries when a message is done.
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "config.broker.CourierLifecycle",
    ],
}
DRAMATIQ_AUTODISCOVER_MODULES = ["actors"]

# -- Twilio ---------------------------------------------------------------------------------------------------

TWILIO_ACCOUNT_SID = environment.text(
    "TWILIO_ACCOUNT_SID", "AC and 32 hexadecimal digits", pattern=r"AC[0-9a-fA-F]{32}"
)
TWILIO_AUTH_TOKEN = environment.text("TWILIO_AUTH_TOKEN", "the account's auth token", min_length=16)
TWILIO_PHONE_NUMBER = environment.text(
    "TWILIO_PHONE_NUMBER",
    "a number like +15005550006 or an alphanumeric sender",
    pattern=r"\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11}",
    default="",
)
TWILIO_MESSAGING_SERVICE_SID = environment.text(
    "TWILIO_MESSAGING_SERVICE_SID",
    "MG and 32 hexadecimal digits",
    pattern=r"MG[0-9a-fA-F]{32}",
    default="",
)
# Further auth tokens whose signatures are accepted while the account's token is being changed.
TWILIO_AUTH_TOKEN_FALLBACKS = environment.words(
    "TWILIO_AUTH_TOKEN_FALLBACKS", "earlier or coming auth tokens, comma-separated", pattern=r".{16,}", default=[]
)
if not (TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID):
    raise ImproperlyConfigured("TWILIO_PHONE_NUMBER is missing: expected it or TWILIO_MESSAGING_SERVICE_SID.")
TWILIO_API_BASE_URL = environment.url(
    "TWILIO_API_BASE_URL", "a URL", schemes={"http", "https"}, default="https://api.twilio.com"
)
# Segments per second that the sender may send: long code 1, toll-free 3, alphanumeric 10, short code 10 to 100.
# 0: not paced here, for a Messaging Service that queues by itself.
TWILIO_SEGMENTS_PER_SECOND = environment.number(
    "TWILIO_SEGMENTS_PER_SECOND", "a number from 0 to 10000", minimum=0, maximum=10_000, default=1
)
# The number that calls come from; without it there are no calls.
TWILIO_VOICE_NUMBER = environment.text(
    "TWILIO_VOICE_NUMBER", "a number like +15005550006", pattern=r"\+[1-9]\d{6,14}", default=""
)
# Calls that Twilio may begin in a second: 1, unless the account was granted more.
TWILIO_CALLS_PER_SECOND = environment.number(
    "TWILIO_CALLS_PER_SECOND", "a number above 0, up to 100", minimum=0.01, maximum=100, default=1
)
# Countries that SMS and calls may go to (ISO 3166-1 alpha-2). Others are refused, against SMS pumping.
SMS_COUNTRIES = environment.words(
    "SMS_COUNTRIES", "two-letter country codes, comma-separated", pattern=r"[A-Z]{2}", default=["KG"]
)
# Messages of a class that may get a slot in a day (UTC). Further ones are refused, and the operator is alarmed.
# EMERGENCY has no cap.
DAILY_CAPS = environment.caps("DAILY_CAPS", default="verification=5000,safety=50000,routine=50000")

# -- Positions and zones --------------------------------------------------------------------------------------

# Days a position is kept. Then the week that it belongs to is dropped.
LOCATION_DAYS = int(
    environment.number("LOCATION_DAYS", "a number of days from 1 to 3650", minimum=1, maximum=3650, default=90)
)
# Zones that a person may have, until there are plans that say it.
ZONES_PER_PERSON = int(
    environment.number("ZONES_PER_PERSON", "a number from 1 to 1000", minimum=1, maximum=1_000, default=100)
)

# The cache holds people's zones, in each process or shared by all of them. By default a process holds those of 10,000
# people: Django's 300 are fewer people than a worker meets in a minute.
CACHES = {"default": servers.cache("CACHE_URL", default="locmemcache://?max_entries=10000")}

# -- Django ---------------------------------------------------------------------------------------------------

INSTALLED_APPS, MIDDLEWARE, TEMPLATES = stack.INSTALLED_APPS, stack.MIDDLEWARE, stack.TEMPLATES
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "identity.User"
PASSWORD_HASHERS = ["identity.sessions.hashing.Argon2"]
AUTHENTICATION_BACKENDS = ["identity.sessions.backends.LimitedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
LANGUAGE_CODE = "en"  # For clients that ask for no language; SMS are in their reader's language.
LANGUAGES = [("ky", "Кыргызча"), ("ru", "Русский"), ("en", "English")]

TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
PHONENUMBER_DB_FORMAT = PHONENUMBER_DEFAULT_FORMAT = "E164"
# Only uploads are large. A larger body that is no upload is refused before it is parsed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
# No form takes files: only the views of recordings set a handler of their own.
FILE_UPLOAD_HANDLERS = ["config.bodies.NoFiles"]

SECURE_SSL_REDIRECT = HTTPS
# An SOS is taken over http too; config/paths.py redirects the other methods of its path.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^api/v1/sos-alerts/$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NUM_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Browsers take a cookie with this prefix only from this host, over HTTPS and for all its paths.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (f"{'__Host-' if HTTPS else ''}{name}" for name in ("sessionid", "csrftoken"))
# Only the admin has sessions of Django's: 8 hours, counted from the log-in (identity/staff/site.py).
SESSION_COOKIE_AGE = 8 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
X_FRAME_OPTIONS = "DENY"

# Threads of each web process, for deploy/gunicorn.conf.py too. At most half of them receive files, and a quarter send
# files.
WEB_THREADS = int(environment.text("WEB_THREADS", "a whole number from 1 to 999", pattern=r"[1-9]\d{0,2}", default="8"))

# -- Evidence -------------------------------------------------------------------------------------------------

# The folder of recordings and photos, unless they lie in a bucket. Uploads lie here in any case until they are checked.
# The web server never serves this folder.
MEDIA_ROOT = environment.text("MEDIA_ROOT", "a folder", default=str(BASE_DIR / "var" / "media"))
_s3 = environment.bucket("EVIDENCE_S3")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "evidence": {"BACKEND": "alerts.evidence.s3.Bucket", "OPTIONS": _s3}
    if _s3
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # A file is written once, then only read.
        "OPTIONS": {"file_permissions_mode": 0o400, "directory_permissions_mode": 0o700},
    },
}
# Megabytes (MiB) of one file by kind, of all files of an alert, and of all files of a person.
EVIDENCE_MAX_MB = environment.sizes("EVIDENCE_MAX_MB", default="audio=100,video=500,photo=25")
EVIDENCE_ALERT_MB = environment.number(
    "EVIDENCE_ALERT_MB", "megabytes, from 1 to 1000000", minimum=1, maximum=1_000_000, default=2_000
)
EVIDENCE_PERSON_MB = environment.number(
    "EVIDENCE_PERSON_MB", "megabytes, from 1 to 1000000", minimum=1, maximum=1_000_000, default=5_000
)
# Megabytes of the disk that stay free. Uploads that would use them are refused, and the operator is alarmed.
EVIDENCE_FREE_MB = environment.number(
    "EVIDENCE_FREE_MB", "megabytes, from 0 to 1000000", minimum=0, maximum=1_000_000, default=1_000
)
# Days after the alert's end until its evidence is erased. An alert under legal hold keeps its evidence.
EVIDENCE_KEPT_DAYS = environment.number(
    "EVIDENCE_KEPT_DAYS", "days, from 8 to 36500", minimum=8, maximum=36_500, default=365
)

# -- Timers ---------------------------------------------------------------------------------------------------

# Days after a timer's end until it is deleted: more than the 30 days in which a contact's link shows it on their page.
TIMERS_KEPT_DAYS = environment.number(
    "TIMERS_KEPT_DAYS", "days, from 31 to 36500", minimum=31, maximum=36_500, default=90
)

# -- Exports --------------------------------------------------------------------------------------------------

# Signs exports (Ed25519). Without it the key is derived from SECRET_KEY, and changes when SECRET_KEY is changed.
EXPORT_SIGNING_KEY = environment.text(
    "EXPORT_SIGNING_KEY", "64 hexadecimal digits", pattern=r"[0-9a-fA-F]{64}", default=""
)

# -- API ------------------------------------------------------------------------------------------------------

# Days after which a session ends however much it is used; without use it ends after REFRESH_TOKEN_LIFETIME.
SIGNED_IN_DAYS = int(
    environment.number("SIGNED_IN_DAYS", "a number of days from 1 to 3650", minimum=1, maximum=3650, default=180)
)
REST_FRAMEWORK = api.REST_FRAMEWORK | {"NUM_PROXIES": NUM_PROXIES}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=90),
    "SIGNING_KEY": SECRET_KEY,
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = api.OPENAPI

# -- Logs and error reports -----------------------------------------------------------------------------------

LOGGING_CONFIG = None
logging.configure(debug=DEBUG)
SENTRY_DSN = environment.url("SENTRY_DSN", "the DSN of a Sentry project", schemes={"https", "http"}, default="")
reporting.start(SENTRY_DSN)
vars().update(servers.mail("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.text(
    "EMAIL_FROM",
    "an e-mail address, or a name and one in angle brackets",
    pattern=r"[^@\s<>]{1,64}@[^@\s<>]{1,100}|[^@<>\r\n]{1,60} <[^@\s<>]{1,64}@[^@\s<>]{1,100}>",
    default="alertme@localhost",
)
# Without EMAIL_URL people get no e-mail: nobody would read messages on a console.
SENDS_EMAIL = bool(environment.given("EMAIL_URL"))
