"""A customer of the shop over HTTP, in Python, while the demo runs.

Does what place_order.py does, through the gateway and with the standard
library alone: looks at the stock, places an order under an idempotency key,
repeats it as somebody whose answer was lost would, and follows its events to
the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

TRY_S = 3.0  # deadline of one try; the server is told of it
GRACE_S = 0.25  # the server's own answer at its deadline is worth more than ours
SILENCE_S = 20.0  # an event stream says that it is alive every 15 s
PATIENCE_S = 30.0  # how long one request is tried again before its error stands
WAIT_MIN_S = 0.1  # first wait where the server names none; doubles ...
WAIT_MAX_S = 2.0  # ... up to this

# Whether such a request was done is not known. A timeout or a broken connection
# never means that it failed.
UNKNOWN = {408, 502, 503, 504}

UNDER_WAY = "PENDING"

T = TypeVar("T")


class Problem(Exception):
    """A problem document (RFC 9457): `type` and `errors` are for programs."""

    def __init__(self, error: urllib.error.HTTPError) -> None:
        self.status = error.code
        self.retry_after = error.headers.get("Retry-After")
        try:
            self.document = json.load(error)
        except ValueError:  # not from the gateway: something in between
            self.document = {"title": error.reason}

    def __str__(self) -> str:
        get = self.document.get
        text = f"{self.status} {get('type', 'about:blank')}: {get('title')}"
        if get("reason"):
            text += f"; reason {get('reason')}"
        for bad in get("errors", []):
            text += f"; field {bad['field']}: {bad['detail']}"
        if get("trace_id"):
            text += f"; trace {get('trace_id')}"
        return text


class NoAnswer(Exception):
    """The connection broke, or nothing came in time."""


def send(request: urllib.request.Request, read: Callable[[Any], T], silence_s: float) -> T:
    """One try, up to the end of the answer."""
    try:
        with urllib.request.urlopen(request, timeout=silence_s) as answer:
            return read(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise Problem(error) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(str(error)) from error


def call(try_once: Callable[[], T]) -> T:
    """Sends a request again until its outcome is known.

    Only for what may be repeated: reads, and what carries an idempotency key.
    """
    end = time.monotonic() + PATIENCE_S
    wait = WAIT_MIN_S
    while True:
        try:
            return try_once()
        except (Problem, NoAnswer) as error:
            # At random, so that callers who failed together don't return together.
            pause = wait * random.uniform(0.5, 1)
            final = False
            if isinstance(error, Problem):
                told = error.retry_after
                final = told is None and error.status not in UNKNOWN
                pause = float(told) if told and told.isdigit() else pause
            if final or time.monotonic() + pause > end:
                raise
            in_ms = f"the same again in {pause * 1000:.0f} ms"
            print(f"unknown    {error}; {in_ms}", flush=True)
        time.sleep(pause)
        wait = min(wait * 2, WAIT_MAX_S)


def money(it: dict[str, Any]) -> str:
    """Amounts are whole numbers of the smallest unit; a euro has a hundred."""
    return f"{it['amount'] // 100}.{it['amount'] % 100:02} {it['currency']}"


def describe(order: dict[str, Any]) -> str:
    text = f"{order['id']} {order['status']}"
    return f"{text}, {money(order['total'])}" if order.get("total") else text


def watch(url: str, order: dict[str, Any]) -> dict[str, Any]:
    """Shows every change of an order until it is at an end."""
    seen: dict[str, str] = {}

    def read(stream: Any) -> dict[str, Any]:
        nonlocal order
        event = ""
        for line in stream:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                seen["Last-Event-ID"] = value
            elif name == "data" and event == "order":
                order = json.loads(value)
                print(f"watched    {describe(order)}", flush=True)
        if order["status"] == UNDER_WAY:
            raise NoAnswer("the stream ended before the order did")
        return order

    # A stream that is cut is taken up again behind the event that came last.
    return call(lambda: send(urllib.request.Request(url, headers=seen), read, SILENCE_S))


def shop(args: argparse.Namespace) -> bool:
    """Says whether the order was confirmed."""

    def fetch(path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
        headers = headers | {"X-Request-Timeout": f"{TRY_S * 1000:.0f}"}
        request = urllib.request.Request(args.gateway + path, body, headers)
        return call(lambda: send(request, json.load, TRY_S + GRACE_S))

    stock = fetch("/v1/stock/" + urllib.parse.quote(args.sku, safe=""), {})
    price = money(stock["price"])
    print(f"stock      {stock['available']} of {stock['sku']} ({stock['name']}) at {price}")

    # A program that may crash writes the key down before it sends it: then it
    # can ask again afterwards, and still gets one order, not two.
    headers = {"Idempotency-Key": args.key, "Content-Type": "application/json"}
    order = {
        "customer_id": "example",
        "payment_method": args.payment_method,
        "lines": [{"sku": args.sku, "quantity": args.quantity}],
    }
    body = json.dumps(order).encode()
    print(f"placing    {args.quantity} of it under the key {args.key}", flush=True)
    first = fetch("/v1/orders", headers, body)
    print(f"placed     {describe(first)}")
    second = fetch("/v1/orders", headers, body)
    # The first answer is 202 and pending if our deadline came before the order's end.
    same = "the same answer" if second == first else "the same order, further on"
    print(f"repeated   {describe(second)}: {same}")

    last = watch(f"{args.gateway}/v1/orders/{second['id']}/events", second)
    return last["status"] == "CONFIRMED"


def main() -> int:
    parser = argparse.ArgumentParser(description="Places one order and watches it.")
    gateway = "http://127.0.0.1:7410"
    parser.add_argument("--gateway", default=gateway, help="where the gateway listens")
    parser.add_argument("--key", default=str(uuid.uuid4()), help="names the order for seven days")
    parser.add_argument("--sku", default="tea-assam", help="what to order")
    parser.add_argument("--quantity", type=int, default=2, help="how many pieces")
    parser.add_argument(
        "--payment-method", default="pm_card_ok", help="pm_card_declined is declined"
    )
    args = parser.parse_args()
    try:
        return 0 if shop(args) else 1
    except (Problem, NoAnswer) as error:
        print(f"failed     {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
