from rest_framework.views import APIView


# A view for everyone. It has no docstring, because OpenAPI would show it with every operation.
class OpenView(APIView):
    # No authentication, so that an expired token which a client still sends is ignored.
    authentication_classes = ()
    permission_classes = ()
