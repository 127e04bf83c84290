"""Celery, tuned for this work: late acknowledgement, no prefetching, retries, and emergencies apart.

Queues survive the loss of a broker node, as those of every contender do (the virtual host's default is quorum).
"""

import os

from celery import Celery

from tests.bench.peers import sms

app = Celery("peer", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    task_default_queue=sms.ROUTINE,
    task_default_queue_type="quorum",
    task_create_missing_queue_type="quorum",
    # Remote control would need a queue that cannot be a quorum queue.
    worker_enable_remote_control=False,
)

RETRIES = {
    "autoretry_for": (Exception,),
    "max_retries": 5,
    "retry_backoff": 1,
    "retry_backoff_max": 10,
}
# A rate limit counts for one worker, so each worker gets its part of the pace.
_PART = f"{60 * sms.PACE // sms.WORKERS}/m" if sms.PACE else None
send_routine = app.task(sms.send, name="send_routine", rate_limit=_PART, **RETRIES)
# The emergency queue and its worker know the same pace, but not how much of it the others use.
_PACE = f"{sms.PACE}/s" if sms.PACE else None
send_emergency = app.task(sms.send, name="send_emergency", queue=sms.EMERGENCY, rate_limit=_PACE, **RETRIES)
