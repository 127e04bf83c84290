"""SOS alerts, activity timers and evidence. A room imports only rooms on lines below its own, none on its own line.

exports, timers      an alert as one signed file; timers that raise an alert unless their person checks in
page, sos            the contacts' page; an alert's life: raised, ended, under duress, as a drill
evidence, positions, escalation    recordings and photos; where the person is now; who is called when nobody answers
owner, contacts      all that the owner's devices show; all that contacts are sent
timeline             the append-only log of an alert, its chain of hashes, its seal
models               the tables
"""
