//! What comes in: where and until when, and what the body says.

use std::convert::Infallible;

use axum::{body::Bytes, extract::FromRequestParts, http::request::Parts};
use serde::{Deserialize, de::DeserializeOwned};
use watertight::{Deadline, RequestScope};

use crate::authorization::AMOUNT_MAX;

/// The longest reference, in characters.
const REFERENCE_CHARACTERS_MAX: usize = 64;

/// Which listener a request came in by, and until when it is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) tag: &'static str,
    pub(super) deadline: Deadline,
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let conn = parts.conn();
        Ok(Self {
            tag: conn.map_or("main", |conn| conn.tag.0),
            deadline: parts.deadline(),
        })
    }
}

/// Asks to hold money. No `Debug`: the payment method is a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizeBody {
    pub(super) reference: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) payment_method: String,
}

/// Asks to take or to return money.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AmountBody {
    pub(super) amount: Option<i64>,
}

/// Reads a body; an empty one counts as `{}`.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, String> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Checks a reference.
pub(super) fn reference(text: &str) -> Result<(), String> {
    let fits = (1..=REFERENCE_CHARACTERS_MAX).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!(
        "reference must have 1 to {REFERENCE_CHARACTERS_MAX} visible ASCII characters"
    ))
}

/// Checks an amount, if there is one.
pub(super) fn amount(minor: Option<i64>) -> Result<(), String> {
    match minor {
        Some(minor) if !(0..=AMOUNT_MAX).contains(&minor) => {
            Err(format!("amount must be 0 to {AMOUNT_MAX}"))
        }
        Some(_) | None => Ok(()),
    }
}

impl AuthorizeBody {
    /// Checks every field.
    pub(super) fn check(&self) -> Result<(), String> {
        reference(&self.reference)?;
        amount(Some(self.amount))?;
        let is_code =
            self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_code {
            return Err("currency must be three capital letters".into());
        }
        if self.payment_method.is_empty() {
            return Err("payment_method must not be empty".into());
        }
        Ok(())
    }
}
