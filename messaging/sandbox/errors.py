"""Twilio's error responses: `{"code", "message", "more_info", "status"}`.

Source: https://www.twilio.com/docs/usage/twilios-response and https://www.twilio.com/docs/api/errors.
"""

import json

from aiohttp import web

MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    12100: "Document parse failure",
    13224: "Twilio does not support calling this number or the number is invalid",
    13227: "No international authorization",
    21201: "No 'To' number specified",
    21205: "Url is not a valid URL",
    21211: "The 'To' number is not a valid phone number",
    21212: "The 'From' number is not a valid phone number, short code, or alphanumeric sender ID",
    21213: "A 'From' number is required",
    21214: "'To' phone number cannot be reached",
    21215: "Account not allowed to call the 'To' phone number",
    21216: "Account not allowed to call the 'To' phone number",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' number is not a message-capable Twilio number for this destination",
    21609: "The 'StatusCallback' URL is not a valid URL",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "Message cannot be sent with the current combination of 'To' and/or 'From' parameters",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21626: "Invalid StatusCallbackEvent",
    21635: "'To' number cannot be a landline",
    21701: "The Messaging Service does not exist",
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    63038: "Account exceeded the daily messages limit",
}
# Twilio publishes no code of its own for most invalid parameters; 20001 is its general code.
INVALID_PARAMETER = 20001

STATUS_OF_CODE = {20003: 401, 20404: 404, 20429: 429, 63038: 429, 20500: 500, 20503: 503}
CODE_OF_STATUS = {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}


class TwilioError(Exception):
    """Twilio refuses the request. `response()` is the HTTP response that Twilio gives."""

    def __init__(self, code: int, message: str = "", *, status: int | None = None) -> None:
        self.code = code
        self.status = status or STATUS_OF_CODE.get(code, 400)
        self.message = message or MESSAGES.get(code, "Error")
        super().__init__(code)

    def response(self, headers: dict[str, str] | None = None) -> web.Response:
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        response = json_response(body, status=self.status, headers=headers)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        return response


def json_response(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")
