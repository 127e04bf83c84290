from rest_framework.views import APIView


# No docstring: the schema would show it with every operation.
class OpenView(APIView):
    # A client may still send its expired token: it is not looked at.
    authentication_classes = ()
    permission_classes = ()
