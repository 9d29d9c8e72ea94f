"""A customer of the shop over gRPC, in Python, while the demo runs.

Looks at the stock, places an order under an idempotency key, repeats it as
somebody whose answer was lost would, and watches it to its end. The stubs are
made from proto/ at the first run, and again when proto/ has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.rpc import error_details_pb2 as details
from grpc_status import rpc_status
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"
STUBS = HERE / "build"

TRY_S = 3.0  # deadline of one try; the server is told of it
PATIENCE_S = 30.0  # how long one call is tried again before its error stands
WAIT_MIN_S = 0.1  # first wait where the server names none; doubles ...
WAIT_MAX_S = 2.0  # ... up to this

# Whether such a call was done is not known, or it was not for now. A timeout
# or a broken connection never means that it failed.
UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}

T = TypeVar("T")


def make_stubs() -> None:
    """Compiles proto/ into build/, unless what is there was made of the same."""
    files = sorted(PROTO.rglob("*.proto"))
    source = [grpc.__version__, *(file.read_text() for file in files)]
    made_of = hashlib.sha256("\0".join(source).encode()).hexdigest()
    stamp = STUBS / "made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return
    STUBS.mkdir(exist_ok=True)
    well_known = Path(protoc.__file__).parent / "_proto"
    command = [
        "protoc",
        f"-I{PROTO}",
        f"-I{well_known}",
        f"--python_out={STUBS}",
        f"--grpc_python_out={STUBS}",
        *map(str, files),
    ]
    if protoc.main(command) != 0:
        sys.exit("proto/ can't be compiled")
    stamp.write_text(made_of)


def call(send: Callable[[], T]) -> T:
    """Makes a call again until its outcome is known.

    Only for calls that may be repeated: reads, and what carries an idempotency key.
    """
    end = time.monotonic() + PATIENCE_S
    wait = WAIT_MIN_S
    while True:
        try:
            return send()
        except grpc.RpcError as error:
            told = detail(error, details.RetryInfo)
            # At random, so that callers who failed together don't return together.
            pause = wait * random.uniform(0.5, 1)
            if told:
                pause = told.retry_delay.ToTimedelta().total_seconds()
            final = told is None and error.code() not in UNKNOWN
            if final or time.monotonic() + pause > end:
                raise
            in_ms = f"the same again in {pause * 1000:.0f} ms"
            print(f"unknown    {explain(error)}; {in_ms}", flush=True)
        time.sleep(pause)
        wait = min(wait * 2, WAIT_MAX_S)


def detail(error: grpc.RpcError, kind: type[T]) -> T | None:
    """One of the google.rpc details that an error carries, if it does."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for packed in status.details if status else ():
        found = kind()
        if packed.Unpack(found):
            return found
    return None


def explain(error: grpc.RpcError) -> str:
    """Code, reason and fields are for programs; the message is for people."""
    text = f"{error.code().name}: {error.details()}"
    if info := detail(error, details.ErrorInfo):
        text += f"; reason {info.reason}"
    if bad := detail(error, details.BadRequest):
        text += "".join(f"; field {violation.field}" for violation in bad.field_violations)
    return text


def money(it: Any) -> str:
    """Amounts are whole numbers of the smallest unit; a euro has a hundred."""
    return f"{it.amount // 100}.{it.amount % 100:02} {it.currency}"


def shop(args: argparse.Namespace) -> bool:
    """Says whether the order was confirmed."""
    sys.path.insert(0, str(STUBS))
    from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
    from shop.orders.v1 import orders_pb2, orders_pb2_grpc

    status = orders_pb2.OrderStatus

    def describe(order: orders_pb2.Order) -> str:
        text = f"{order.id} {status.Name(order.status).removeprefix('ORDER_STATUS_')}"
        if order.status == status.ORDER_STATUS_CONFIRMED:
            text += f", {money(order.total)}"
        if order.status == status.ORDER_STATUS_REJECTED:
            why = orders_pb2.RejectionReason.Name(order.rejection_reason)
            text += f", {why} {order.rejection_detail}"
        return text

    # Connections are made at the first call, and again when they break.
    with (
        grpc.insecure_channel(args.orders) as to_orders,
        grpc.insecure_channel(args.inventory) as to_inventory,
    ):
        orders = orders_pb2_grpc.OrdersServiceStub(to_orders)
        inventory = inventory_pb2_grpc.InventoryServiceStub(to_inventory)

        wanted = inventory_pb2.GetStockRequest(sku=args.sku)
        stock = call(lambda: inventory.GetStock(wanted, timeout=TRY_S)).stock
        print(f"stock      {stock.available} of {stock.sku} ({stock.name}) at {money(stock.price)}")

        # A program that may crash writes the key down before it sends it: then
        # it can ask again afterwards, and still gets one order, not two.
        order = orders_pb2.PlaceOrderRequest(
            idempotency_key=args.key,
            customer_id="example",
            payment_method=args.payment_method,
            lines=[orders_pb2.LineItem(sku=args.sku, quantity=args.quantity)],
        )
        print(f"placing    {args.quantity} of it under the key {args.key}", flush=True)
        first = call(lambda: orders.PlaceOrder(order, timeout=TRY_S)).order
        print(f"placed     {describe(first)}")
        second = call(lambda: orders.PlaceOrder(order, timeout=TRY_S)).order
        # The first answer is PENDING if our deadline came before the order's end.
        same = "the same answer" if second == first else "the same order, further on"
        print(f"repeated   {describe(second)}: {same}")

        def watch() -> orders_pb2.Order:
            """Begun anew when it is cut: its first message is the order as it stands."""
            last = second
            this = orders_pb2.WatchOrderRequest(order_id=second.id)
            for change in orders.WatchOrder(this, timeout=TRY_S):
                last = change.order
                print(f"watched    {describe(last)}")
            return last

        return call(watch).status == status.ORDER_STATUS_CONFIRMED


def main() -> int:
    parser = argparse.ArgumentParser(description="Places one order and watches it.")
    parser.add_argument("--orders", default="127.0.0.1:7400", help="where orders listens")
    parser.add_argument("--inventory", default="127.0.0.1:7402", help="where inventory listens")
    parser.add_argument("--key", default=str(uuid.uuid4()), help="names the order for seven days")
    parser.add_argument("--sku", default="tea-assam", help="what to order")
    parser.add_argument("--quantity", type=int, default=2, help="how many pieces")
    parser.add_argument(
        "--payment-method", default="pm_card_ok", help="pm_card_declined is declined"
    )
    args = parser.parse_args()
    make_stubs()
    try:
        return 0 if shop(args) else 1
    except grpc.RpcError as error:
        print(f"failed     {explain(error)}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
