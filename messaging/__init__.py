"""SMS, telephone calls and e-mails. Knows no person and no alert. Imports run down this list, never up.

webhooks       Twilio's callbacks: check the signature, pass the report on
reports        delivery reports: callbacks, look-ups, pressed keys
delivery       from a queued message to its provider: grant a slot, claim, send, write the outcome
outbox, providers    what may be queued, and by which sender; the requests to each provider and its replies
moves, history, operations    moves of a message's state; moves and attempts for other apps to read; operator alarms
models, states ...   tables, the table of states, texts, speech, numbers, encryption, policy (time-outs and limits)
database       PostgreSQL's clock, SQL, notices
sandbox        a Twilio-compatible server, a program of its own; a web page shows its phones
"""
