"""Lists every function, view and table that must obey duress, with a sentence on what it shows or does under duress.

Add a new function that reads duress to this list: tests/alerts/owner/test_obeys_duress.py fails without it.
"""

# Answers to the owner's devices.
SHOWS = {
    "alerts.owner.view.shown": "Shows the alert ended, where the person was at that moment.",
    "alerts.owner.view.has_status": "Finds the alert in lists by the status that is shown.",
    "alerts.owner.view.positions_shown": "Shows no position from after the pretended end.",
    "alerts.owner.feigned.shown_moves": "Shows messages stopped, or given up where the engine tries again.",
    "alerts.owner.notifications.shown": "Shows no message, and no contact's answer, from after the pretended end.",
    "alerts.owner.truth.try_of": "Puts a shown message into words.",
    "alerts.owner.reach.report": "Sums up the shown messages of one alert.",
    "alerts.owner.reach.reports": "Sums up the shown messages of each alert in a list.",
    "alerts.owner.timeline.shown": "Shows the timeline of an alert that ended at that moment.",
    "alerts.owner.view.owned_by": "Reads each alert with its snapshot, whichever PIN ended it.",
    "alerts.owner.view.snapshot": "Hands out the snapshot that either PIN leaves.",
    "alerts.owner.view.seems_ended_by": "Finds alerts that are shown ended.",
    "alerts.owner.views.TimelineView": "Answers with the shown timeline.",
    "alerts.sos.views.AlertView": "Answers with the shown alert.",
    "alerts.sos.views.AlertsView": "Lists the alerts as they are shown.",
    "alerts.sos.drills.report": "Shows no arrival of a TEST from after the pretended end.",
    "alerts.sos.false_alarms.shown_to": "Counts an alert cancelled under duress as a false alarm.",
    "alerts.evidence.retention.shown_to_owner": "Shows evidence no longer than after a real end.",
    "alerts.evidence.views.EvidenceView": "Answers with the shown evidence.",
    "alerts.exports.contents.shown_to_owner": "Exports only what the owner's devices are shown.",
    "alerts.exports.views.ExportView": "Answers with the export of what is shown.",
}

# Requests of the owner's devices.
ACCEPTS = {
    "alerts.sos.ending.end": "Ends the alert with the safe PIN only; answers as if it had ended before.",
    "alerts.sos.duress.feign_end": "Keeps the alert going and records the end that is shown.",
    "alerts.sos.duress.end_for_real": "Does the work of a pretended end too, so that its duration tells nothing.",
    "alerts.sos.views.CancelView": "Answers after a whole number of time steps, whichever PIN was typed.",
    "alerts.sos.views.ResolveView": "Answers after a whole number of time steps, whichever PIN was typed.",
    "identity.pins.even_timing.in_steps": "Keeps a response's duration from telling which PIN was typed.",
    "alerts.owner.even_timing.of_ended": "Evens out each response about an alert that a PIN ended or seemed to end.",
    "alerts.sos.raising.raise_alerts": "Raises a new alert at the next press: to the owner's devices no alert is open.",
    "alerts.contacts.presses.raised_before": "Counts an alert under duress like one that ended.",
    "alerts.sos.drills.begin": "Begins a drill while an alert goes on: to the owner's devices no alert is open.",
    "alerts.sos.drills.end_old": "Ends drills that are open; the duress PIN ends a drill for real.",
    "alerts.positions.track.add": "Keeps positions from after the pretended end apart, and reports them as refused.",
    "alerts.positions.views.LocationsView": "Lists the shown positions, and refuses new ones as after a real end.",
    "alerts.evidence.uploads.open_upload": "Accepts evidence for as long after the pretended end as after a real one.",
    "alerts.evidence.limits.check_room": "Counts evidence for as long as after a real end.",
    "identity.pins.pins.check": "Takes the same time for either PIN.",
    "identity.pins.protection.proved": "Tells of the duress PIN at once, whatever it is typed for.",
    "identity.contacts.contacts.remove": "Hides a contact who may be told of duress, and removes all others.",
    "identity.devices.credentials.revoke": "Shows the device revoked while its credential works.",
    "geo.zones.change": "Keeps the zone as it was going, hidden.",
    "geo.blueprints.apply": "Keeps zones that are removed or weakened going, hidden.",
    "alerts.timers.lifecycle.end": "Keeps the timer going, hidden.",
    "alerts.escalation.personal.put": "Keeps the old policy for silent alerts.",
}

# Messages to contacts and to the owner's phone.
TELLS = {
    "alerts.sos.silent.warn": "Raises an alert that no device of the owner shows, to all contacts who may be told.",
    "alerts.sos.silent.stand_beside": "Tells hidden contacts of an alert that the devices show.",
    "alerts.contacts.notifying.warn_of_duress": "Warns the contacts who are asked for help and may be told.",
    "alerts.contacts.untold.of_person": "Finds the contacts whom the person does not want told.",
    "alerts.contacts.untold.of_alert": "Names the contacts to whom the alert has ended.",
    "alerts.contacts.untold.end_for": "Gives such a contact the pretended end.",
    "alerts.escalation.answers.acknowledge": "Goes on calling until two contacts are on the way.",
    "alerts.escalation.answers.go_on_under_duress": "Resumes the calls that one answer had stopped.",
    "alerts.contacts.texts.duress": "Tells a contact to call the police and not the person.",
    "alerts.page.content.seen_by": "Shows contacts that the person is under threat, and no button to call them.",
    "alerts.escalation.steps.tell_owner": "Sends the person no SMS: somebody else may be reading.",
    "alerts.escalation.steps.take_steps": "Goes on calling for help, and sends the person no SMS when all were tried.",
}

# For operators only, and the tables.
KNOWS = {
    "alerts.exports.contents.whole": "Exports the whole truth, with the status that the owner is shown.",
    "alerts.sos.false_alarms.of_owner": "Counts no alert cancelled under duress as a false alarm.",
    "alerts.admin.SosAlertAdmin": "Shows operators the real status and the time of the duress PIN.",
    "alerts.models.alert.SosAlert": "Stores when the duress PIN was typed; the person may have another open alert.",
    "alerts.models.duress.FeignedEnd": "Stores the pretended end: status, time, position and the states of messages.",
}

OBEYS_DURESS = SHOWS | ACCEPTS | TELLS | KNOWS
