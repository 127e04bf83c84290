"""SMS, calls and e-mails, each sent once. Knows no user and no alert. Imports run down this list, never up.

webhooks       Twilio's callbacks: signature, then one call into reports
reports        every proof of what became of a call: callbacks, look-ups, pressed keys
delivery       from a due row to the provider: grant, claim, send, write the outcome
outbox, providers    what may be queued, by which sender; how each provider is asked and read
moves, history, operations    moves of a message's state; what became of messages, for other apps; operator alarms
models, states ...   tables, the table of states, texts, speech, numbers, encryption
database       PostgreSQL's clock, SQL, notices
sandbox        a Twilio-compatible server with phones on a web page, a program of its own
"""
