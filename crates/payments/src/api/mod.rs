//! The gRPC side: requests are checked here, and answers put on the wire.

mod check;
mod page;
mod status;
mod wire;

use shop_proto::payments::{
    AuthorizeRequest, AuthorizeResponse, CaptureRequest, CaptureResponse, GetPaymentRequest,
    GetPaymentResponse, ListPaymentsRequest, ListPaymentsResponse, RefundRequest, RefundResponse,
    VoidRequest, VoidResponse, payments_service_server::PaymentsService,
};
use tonic::{Request, Response, Status};
use watertight::{Deadline, RequestScope};

use crate::{
    domain::{Ask, Payment, What},
    service::Payments,
};

/// The domain of every ErrorInfo of this service.
pub const ERROR_DOMAIN: &str = "payments.shop";

/// `shop.payments.v1.PaymentsService` over [`Payments`].
///
/// A handler runs in the caller's time and is dropped when the caller leaves;
/// see [`Payments::ask`] for why that is safe.
#[derive(Clone, Debug)]
pub struct Grpc {
    payments: Payments,
}

impl Grpc {
    /// Serves `payments`.
    #[must_use]
    pub fn new(payments: Payments) -> Self {
        Self { payments }
    }

    async fn ask(&self, deadline: Deadline, order: &str, what: What) -> Result<Payment, Status> {
        let order = check::order_id(order)?;
        let asked = self.payments.ask(deadline, Ask { order, what }).await;
        asked.map_err(|failure| status::from(&failure))
    }
}

/// An answer that consists of the payment alone.
macro_rules! with_payment {
    ($response:ident, $payment:expr) => {
        Ok(Response::new($response {
            payment: Some(wire::payment(&$payment)),
        }))
    };
}

#[tonic::async_trait]
impl PaymentsService for Grpc {
    async fn authorize(
        &self,
        request: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        let deadline = request.deadline();
        let ask = check::authorize(request.into_inner())?;
        let asked = self.payments.ask(deadline, ask).await;
        with_payment!(
            AuthorizeResponse,
            asked.map_err(|failure| status::from(&failure))?
        )
    }

    async fn capture(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<CaptureResponse>, Status> {
        let (deadline, order) = (request.deadline(), request.into_inner().order_id);
        with_payment!(
            CaptureResponse,
            self.ask(deadline, &order, What::Capture).await?
        )
    }

    async fn void(&self, request: Request<VoidRequest>) -> Result<Response<VoidResponse>, Status> {
        let (deadline, order) = (request.deadline(), request.into_inner().order_id);
        with_payment!(VoidResponse, self.ask(deadline, &order, What::Void).await?)
    }

    async fn refund(
        &self,
        request: Request<RefundRequest>,
    ) -> Result<Response<RefundResponse>, Status> {
        let (deadline, order) = (request.deadline(), request.into_inner().order_id);
        with_payment!(
            RefundResponse,
            self.ask(deadline, &order, What::Refund).await?
        )
    }

    async fn get_payment(
        &self,
        request: Request<GetPaymentRequest>,
    ) -> Result<Response<GetPaymentResponse>, Status> {
        let deadline = request.deadline();
        let order = check::order_id(&request.into_inner().order_id)?;
        let found = self.payments.get(deadline, order).await;
        let found = found.map_err(|failure| status::from(&failure))?;
        let payment = found.ok_or_else(|| status::not_found(order))?;
        with_payment!(GetPaymentResponse, payment)
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let deadline = request.deadline();
        let page = check::page(&request.into_inner())?;
        let listed = self.payments.list(deadline, page.after, page.size).await;
        let listed = listed.map_err(|failure| status::from(&failure))?;
        let full = listed.len() >= page.size as usize;
        let last = listed.last().filter(|_| full);
        Ok(Response::new(ListPaymentsResponse {
            payments: listed.iter().map(wire::payment).collect(),
            next_page_token: last.map_or_else(String::new, |last| page::token(last.order)),
        }))
    }
}
