"""What the calls of schemathesis carry: a pass, the organiser's token, and a key that no other call had."""

import os
import re

import schemathesis

PASSES = open(os.environ["STANCHION_PASSES"]).read().split()
TOKEN = os.environ["STANCHION_TOKEN"]
# A visitor has 64 keys; the next one comes in good time.
CALLS_EACH = 40
GOOD_KEY = re.compile(r"[!-~]{1,255}")
calls = 0


@schemathesis.auth(refresh_interval=None)
class Door:
    def get(self, case, context):
        return PASSES[(calls // CALLS_EACH) % len(PASSES)]

    def set(self, case, data, context):
        case.headers["Stanchion-Pass"] = data
        case.headers["Authorization"] = f"Bearer {TOKEN}"


def whole(value):
    """JSON Schema calls 2.0 a whole number; the service wants it written as one, which the document says in words."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    return value


@schemathesis.hook
def before_call(context, case, **kwargs):
    global calls
    calls += 1
    key = (case.headers or {}).get("Idempotency-Key")
    # A good key stays one. The same key for another request is refused, rightly, and that is another test's business.
    if key is not None and GOOD_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:240]}-{calls}"
    case.body = whole(case.body)
