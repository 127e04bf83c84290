import os

from django.core.wsgi import get_wsgi_application

from config.warming import refuse_published_secrets, warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
refuse_published_secrets()
warm_up()
