//! A provider and a payments service in this process, each on real sockets.

use std::{ffi::OsString, path::Path, time::Duration};

use http::{Method, Request};
use payments::ERROR_DOMAIN;
use provider::Authorization;
use serde_json::{Value, json};
use shop_proto::{
    common, errors,
    payments::{
        AuthorizeRequest, CaptureRequest, GetPaymentRequest, Payment, RefundRequest, VoidRequest,
        payments_service_client::PaymentsServiceClient,
    },
};
use shop_types::OrderId;
use testkit::{LIVENESS, TempDir};
use tonic::{Code, Status};
use watertight::{App, GrpcChannel, HttpClient, Running};

/// Time for one call to the provider in these tests.
pub(crate) const PROVIDER_TIME: Duration = Duration::from_millis(400);

pub(crate) type Client = PaymentsServiceClient<GrpcChannel>;

/// The provider stub with three endpoints over one ledger.
pub(crate) struct Stub {
    running: Running,
    http: HttpClient,
}

impl Stub {
    pub(crate) async fn start(data: &Path) -> Self {
        let args = args("provider", data, ["--endpoint", "127.0.0.1:0"].repeat(3));
        let app = provider::build(App::new("provider", args)).await.unwrap();
        Self {
            running: app.start().await.unwrap(),
            http: HttpClient::new("referee"),
        }
    }

    /// The endpoints that payments uses.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.running
            .also()
            .map(|(_, addr)| format!("http://{addr}"))
            .collect()
    }

    /// Switches the faults of all endpoints; what isn't given is off.
    pub(crate) async fn faults(&self, plan: Value) {
        for endpoint in self.endpoints() {
            self.faults_of(&endpoint, plan.clone()).await;
        }
    }

    /// Switches the faults of one endpoint.
    pub(crate) async fn faults_of(&self, endpoint: &str, plan: Value) {
        let uri = format!("{endpoint}/control");
        let request = Request::builder().method(Method::PUT).uri(uri);
        let request = request.body(plan.to_string().into()).unwrap();
        let answer = self.http.send(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
    }

    /// What the referee says about one order.
    pub(crate) async fn referee(&self, order: OrderId) -> Option<Authorization> {
        referee(&self.http, &self.running.url(), order).await
    }
}

/// What the ledger of the provider at `url` says about one order.
pub(crate) async fn referee(http: &HttpClient, url: &str, order: OrderId) -> Option<Authorization> {
    let request = Request::get(format!("{url}/v1/ledger"));
    let request = request.body(Default::default()).unwrap();
    let answer = http.send(request).await.unwrap();
    let page: Value = serde_json::from_slice(answer.body()).unwrap();
    let all: Vec<Authorization> = serde_json::from_value(page["authorizations"].clone()).unwrap();
    assert!(page["next"].is_null(), "these tests make a page at most");
    all.into_iter().find(|a| a.reference == order.to_string())
}

/// The provider stub and a payments service that uses it.
pub(crate) struct Shop {
    pub(crate) stub: Stub,
    pub(crate) client: Client,
    pub(crate) payments: Running,
    dir: TempDir,
}

impl Shop {
    /// Starts both; the sweeper stays away.
    pub(crate) async fn start() -> Self {
        Self::with(&["--sweep", "3600000ms", "--intent-age-min", "3600000ms"]).await
    }

    /// Starts both; the sweeper comes often.
    pub(crate) async fn swept() -> Self {
        Self::with(&["--sweep", "20ms", "--intent-age-min", "0s"]).await
    }

    /// Starts both, and gives the provider time that only a hang uses up; the
    /// sweeper stays away.
    pub(crate) async fn patient() -> Self {
        let slow = ["--sweep", "3600000ms", "--intent-age-min", "3600000ms"];
        Self::with(&[&slow[..], &["--provider-call", "5s"]].concat()).await
    }

    async fn with(flags: &[&str]) -> Self {
        let dir = testkit::temp_dir();
        let stub = Stub::start(&dir.path().join("provider")).await;
        let data = dir.path().join("payments");
        let (payments, client) = serve(&data, &stub.endpoints(), flags).await;
        Self {
            stub,
            client,
            payments,
            dir,
        }
    }

    /// How many payments in the running service's database fit `condition`.
    pub(crate) fn count(&self, condition: &str) -> i64 {
        let file = self.dir.path().join("payments/payments.db");
        let database = rusqlite::Connection::open(file).unwrap();
        let sql = format!("SELECT count(*) FROM payments WHERE {condition}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    pub(crate) async fn authorize(&self, order: OrderId, amount: i64) -> Result<Payment, Status> {
        self.authorize_with(order, amount, "EUR", "pm_card_ok")
            .await
    }

    pub(crate) async fn authorize_with(
        &self,
        order: OrderId,
        amount: i64,
        currency: &str,
        method: &str,
    ) -> Result<Payment, Status> {
        authorize(&self.client, order, amount, currency, method).await
    }

    pub(crate) async fn capture(&self, order: OrderId) -> Result<Payment, Status> {
        capture(&self.client, order).await
    }

    pub(crate) async fn void(&self, order: OrderId) -> Result<Payment, Status> {
        let order_id = order.to_string();
        let answer = self.client.clone().void(VoidRequest { order_id }).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn refund(&self, order: OrderId) -> Result<Payment, Status> {
        let order_id = order.to_string();
        let answer = self
            .client
            .clone()
            .refund(RefundRequest { order_id })
            .await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn get(&self, order: OrderId) -> Result<Payment, Status> {
        let order_id = order.to_string();
        let request = GetPaymentRequest { order_id };
        let answer = self.client.clone().get_payment(request).await?;
        Ok(answer.into_inner().payment.unwrap())
    }
}

/// A payments service on its own.
pub(crate) async fn serve(data: &Path, endpoints: &[String], flags: &[&str]) -> (Running, Client) {
    let time = format!("{}ms", PROVIDER_TIME.as_millis());
    let mut all = Vec::new();
    if !flags.contains(&"--provider-call") {
        all.extend(["--provider-call", &time]);
    }
    all.extend(endpoints.iter().flat_map(|url| ["--provider", url]));
    all.extend(flags);
    let args = args("payments", data, all);
    let app = payments::build(App::new("payments", args)).await.unwrap();
    let running = app.start().await.unwrap();
    let channel = GrpcChannel::connect_lazy("payments", &running.url()).unwrap();
    (running, PaymentsServiceClient::new(channel))
}

pub(crate) async fn authorize(
    client: &Client,
    order: OrderId,
    amount: i64,
    currency: &str,
    method: &str,
) -> Result<Payment, Status> {
    let request = AuthorizeRequest {
        order_id: order.to_string(),
        amount: Some(common::Money {
            amount,
            currency: currency.to_owned(),
        }),
        payment_method: method.to_owned(),
    };
    let answer = client.clone().authorize(request).await?;
    Ok(answer.into_inner().payment.unwrap())
}

pub(crate) async fn capture(client: &Client, order: OrderId) -> Result<Payment, Status> {
    let order_id = order.to_string();
    let answer = client.clone().capture(CaptureRequest { order_id }).await?;
    Ok(answer.into_inner().payment.unwrap())
}

/// Repeats a call while its outcome is unknown, as callers are told to.
pub(crate) async fn insist<F>(mut call: impl FnMut() -> F) -> Result<Payment, Status>
where
    F: Future<Output = Result<Payment, Status>>,
{
    let started = std::time::Instant::now();
    loop {
        match call().await {
            Err(status) if status.code() == Code::Unavailable => {
                assert!(started.elapsed() < LIVENESS, "never answered: {status:?}");
            }
            answer => return answer,
        }
    }
}

/// Checks code and reason of a refusal.
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: &Result<T, Status>,
    code: Code,
    reason: &str,
) {
    let status = answer.as_ref().expect_err("it must be refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(
        errors::reason(status).as_deref(),
        Some(reason),
        "{status:?}"
    );
    let details = tonic_types::StatusExt::get_details_error_info(status);
    assert_eq!(details.unwrap().domain, ERROR_DOMAIN);
}

/// Checks that an answer says "unknown, come back".
pub(crate) fn assert_unknown<T: std::fmt::Debug>(answer: &Result<T, Status>) {
    assert_refused(answer, Code::Unavailable, "PROVIDER_UNKNOWN");
    let status = answer.as_ref().unwrap_err();
    let retry = tonic_types::StatusExt::get_details_retry_info(status);
    assert!(retry.and_then(|retry| retry.retry_delay).is_some());
}

/// Amount, captured, refunded, captures and refunds in the referee's book.
pub(crate) fn figures(a: &Authorization) -> Value {
    json!([a.status, a.captured, a.refunded, a.captures, a.refunds])
}

pub(crate) fn args<'a>(
    name: &str,
    data: &Path,
    flags: impl IntoIterator<Item = &'a str>,
) -> Vec<OsString> {
    let fixed = [name, "--listen", "127.0.0.1:0", "--unready", "0s", "--data"];
    let mut args: Vec<OsString> = fixed.iter().map(Into::into).collect();
    args.push(data.into());
    args.extend(flags.into_iter().map(Into::into));
    args
}
