//! Payments over gRPC.

use futures_core::future::BoxFuture;
use shop_proto::errors;
use shop_proto::payments::{
    AuthorizeRequest, CaptureRequest, RefundRequest, VoidRequest,
    payments_service_client::PaymentsServiceClient,
};
use shop_types::{Money, OrderId, PaymentMethod};
use tonic::{Code, Status};
use watertight::GrpcChannel;
use watertight_core::Deadline;

use super::{request, unknown};
use crate::model::{Reason, Rejection};
use crate::service::{Call, Refusal, Reply, Till};

/// [`Till`] over a channel to payments.
#[derive(Clone, Debug)]
pub struct PaymentsClient {
    grpc: PaymentsServiceClient<GrpcChannel>,
}

impl PaymentsClient {
    /// Payments at the other end of `channel`.
    #[must_use]
    pub fn new(channel: GrpcChannel) -> Self {
        let grpc = PaymentsServiceClient::new(channel);
        Self {
            grpc: grpc.max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX),
        }
    }
}

impl Till for PaymentsClient {
    fn authorize<'a>(
        &'a self,
        deadline: Deadline,
        id: OrderId,
        total: Money,
        method: &'a PaymentMethod,
    ) -> BoxFuture<'a, Reply> {
        let mut grpc = self.grpc.clone();
        let message = AuthorizeRequest {
            order_id: id.to_string(),
            amount: Some(total.into()),
            payment_method: method.as_str().to_owned(),
        };
        Box::pin(async move {
            let answer = grpc.authorize(request(deadline, message)).await;
            answer.map_or_else(
                |status| refused(Call::Authorize, &status),
                |_held| Reply::Done,
            )
        })
    }

    fn capture(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        let mut grpc = self.grpc.clone();
        let message = CaptureRequest {
            order_id: id.to_string(),
        };
        Box::pin(async move {
            let answer = grpc.capture(request(deadline, message)).await;
            answer.map_or_else(
                |status| refused(Call::Capture, &status),
                |_taken| Reply::Done,
            )
        })
    }

    fn void(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        let mut grpc = self.grpc.clone();
        let message = VoidRequest {
            order_id: id.to_string(),
        };
        Box::pin(async move {
            let answer = grpc.void(request(deadline, message)).await;
            answer.map_or_else(|status| refused(Call::Void, &status), |_gone| Reply::Done)
        })
    }

    fn refund(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        let mut grpc = self.grpc.clone();
        let message = RefundRequest {
            order_id: id.to_string(),
        };
        Box::pin(async move {
            let answer = grpc.refund(request(deadline, message)).await;
            answer.map_or_else(|status| refused(Call::Refund, &status), |_back| Reply::Done)
        })
    }
}

/// What a refusal means depends on what was asked.
fn refused(call: Call, status: &Status) -> Reply {
    if call == Call::Authorize && status.code() == Code::InvalidArgument {
        return Reply::Refused(Refusal::Business(not_payable(status)));
    }
    let reason = errors::reason(status);
    let refusal = match (call, reason.as_deref()) {
        (Call::Authorize, Some("PAYMENT_DECLINED")) => {
            Refusal::Business(Rejection::new(Reason::PaymentDeclined, status.message()))
        }
        (Call::Authorize, Some(reason @ ("PAYMENT_CLOSED" | "AMOUNT_MISMATCH")))
        | (
            Call::Capture,
            Some(reason @ ("PAYMENT_NOT_AUTHORIZED" | "PAYMENT_CLOSED" | "PAYMENT_NOT_FOUND")),
        ) => Refusal::PaymentClosed(reason.into()),
        (Call::Void, Some("PAYMENT_CAPTURED")) => Refusal::AlreadyCaptured,
        (Call::Refund, Some("PAYMENT_NOT_CAPTURED" | "PAYMENT_CLOSED")) => Refusal::NotCaptured,
        (Call::Refund, Some("PAYMENT_NOT_FOUND")) => Refusal::PaymentMissing,
        _ => return unknown(call, status),
    };
    Reply::Refused(refusal)
}

/// Payments looked at what it was asked for and would never take it: more money
/// than a payment can have, or a method that is none.
fn not_payable(status: &Status) -> Rejection {
    let is_amount = errors::fields(status)
        .iter()
        .any(|field| field.starts_with("amount"));
    let reason = if is_amount {
        Reason::TotalOverflow
    } else {
        Reason::PaymentDeclined
    };
    Rejection::new(reason, status.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(reason: &str) -> Status {
        errors::refused(Code::FailedPrecondition, "payments.shop", reason, "no")
    }

    #[test]
    fn a_refusal_counts_only_for_the_call_it_answers() {
        let captured = status("PAYMENT_CAPTURED");
        let already = Reply::Refused(Refusal::AlreadyCaptured);
        assert_eq!(refused(Call::Void, &captured), already);
        assert_eq!(refused(Call::Refund, &captured), Reply::Unknown);
        let missing = status("PAYMENT_NOT_FOUND");
        let nothing_to_refund = Reply::Refused(Refusal::PaymentMissing);
        assert_eq!(refused(Call::Refund, &missing), nothing_to_refund);
        assert_eq!(refused(Call::Void, &missing), Reply::Unknown);
        let declined = refused(Call::Authorize, &status("PAYMENT_DECLINED"));
        assert!(matches!(declined, Reply::Refused(Refusal::Business(_))));
    }

    #[test]
    fn what_can_never_be_paid_is_a_refusal_and_not_worth_a_retry() {
        for (field, reason) in [
            ("amount.amount", Reason::TotalOverflow),
            ("payment_method", Reason::PaymentDeclined),
        ] {
            let invalid = errors::invalid("payments.shop", field, "must be less");
            let reply = refused(Call::Authorize, &invalid);
            let Reply::Refused(Refusal::Business(why)) = reply else {
                panic!("{reply:?}")
            };
            assert_eq!(why.reason, reason);
            assert_eq!(refused(Call::Capture, &invalid), Reply::Unknown);
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for status in [
            status("PROVIDER_UNKNOWN"),
            Status::unavailable("gone"),
            Status::deadline_exceeded("late"),
            Status::internal("broken"),
        ] {
            for call in Call::ALL {
                assert_eq!(refused(call, &status), Reply::Unknown);
            }
        }
    }
}
