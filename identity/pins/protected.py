"""Lists every request that may weaken a person's protection (WEAKENS), and why every other request does not.

Once PINs are set, a request in WEAKENS needs a PIN, and with the duress PIN it only seems to be carried out. A test
reads the API's schema: each request that changes something must stand in WEAKENS or DOES_NOT_WEAKEN
(tests/security/test_weakening.py). All paths begin with `/api/v1/`.
"""

# The request: when it needs a PIN.
WEAKENS = {
    "post timers/{timer_id}/cancel/": "Always: no alert would follow.",
    "post timers/{timer_id}/complete/": "Always: no alert would follow.",
    "post timers/{timer_id}/extend/": "For an end later than two periods after the last proof.",
    "post timers/{timer_id}/check-in/": "For an end later than two periods after the last proof.",
    "patch me/contacts/{contact_id}/": "Always: another number, language or mark, or none that anybody knows.",
    "delete me/contacts/{contact_id}/": "Always.",
    "put me/contacts/order/": "Always: the last contacts are called last.",
    "delete me/devices/{device_id}/": "Always: the device raises no SOS any more.",
    "put me/escalation-policy/": "If it calls or texts a contact later or less often, or gives up later.",
    "delete me/escalation-policy/": "If the default calls or texts a contact later or less often.",
    "patch geozones/{zone_id}/": "If contacts may be told of less.",
    "delete geozones/{zone_id}/": "Always.",
    "post blueprints/{blueprint_id}/apply/": "If contacts may be told of less. A dry run needs none.",
    "patch me/": "For another e-mail address, besides a fresh proof of the person.",
    "post sos-alerts/{alert_id}/cancel/": "Always (alerts/sos/ending.py).",
    "post sos-alerts/{alert_id}/resolve/": "Always (alerts/sos/ending.py).",
}

_ADDS = "It adds protection, or a thing that protects nobody less."
_NO_ACCOUNT = "It opens or renews a session, and changes nothing that protects."
_PASSWORD = "It needs the password itself, which is more than a PIN."  # noqa: S105

DOES_NOT_WEAKEN = {
    "post auth/login/": _NO_ACCOUNT,
    "post auth/register/": _NO_ACCOUNT,
    "post auth/send-sms/": _NO_ACCOUNT,
    "post auth/token/refresh/": _NO_ACCOUNT,
    "post auth/verify-sms/": _NO_ACCOUNT,
    "post auth/logout/": "It ends what this device itself may do. Contacts, timers, zones and alerts go on.",
    "put me/password/": _PASSWORD,
    "put me/pin/": _PASSWORD,
    "delete me/pin/": _PASSWORD,
    "post me/reauthenticate/": _PASSWORD,
    "delete me/sessions/": "It needs a fresh proof of the person (identity/sessions/freshness.py).",
    "delete me/sessions/{session_id}/": "Of another session it needs a fresh proof; of its own it is a signing out.",
    "post me/contacts/": _ADDS,
    "post me/contacts/{contact_id}/remind/": _ADDS,
    "post me/devices/": _ADDS,
    "post timers/": _ADDS,
    "post timers/{timer_id}/heartbeat/": "A heartbeat is no check-in.",
    "post geozones/": _ADDS,
    "post locations/": _ADDS,
    "post locations/batch/": _ADDS,
    "post blueprints/": "A blueprint protects nobody until it is applied.",
    "post blueprints/create-from-current/": "A blueprint protects nobody until it is applied.",
    "patch blueprints/{blueprint_id}/": "A blueprint protects nobody until it is applied.",
    "delete blueprints/{blueprint_id}/": "The zones that it made stay.",
    "post sos-alerts/": _ADDS,
    "post sos-alerts/{alert_id}/locations/": _ADDS,
    "post sos-alerts/{alert_id}/locations/batch/": _ADDS,
    "post sos-alerts/{alert_id}/upload_audio/": _ADDS,
    "post sos-alerts/{alert_id}/upload_photo/": _ADDS,
    "post sos-alerts/{alert_id}/upload_video/": _ADDS,
    "post sos-alerts/{alert_id}/uploads/": _ADDS,
    "patch uploads/{upload_id}/": _ADDS,
    "delete uploads/{upload_id}/": "It ends an upload that is not whole; evidence that was kept stays.",
}
