//! What a failed call means: surely not done, or nobody knows.

use tonic::{Code, Status};

/// Why a call has no answer of the kind that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    /// The gRPC code, `unavailable` for HTTP's transport errors.
    pub(crate) code: Code,
    /// The stable reason of the ErrorInfo, if there is one.
    pub(crate) reason: Option<String>,
    /// For people.
    pub(crate) message: String,
}

/// What the checker may conclude from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The shop refused: nothing was done, and nothing will be.
    Fail,
    /// A timeout or a transport error: it may be done, or be done yet.
    Unknown,
}

impl CallError {
    /// The reason of an error that stands for an answer which can't be.
    pub(crate) const CONTRADICTION: &str = "CONTRADICTION";

    /// A name with few values, for counting: the code in lower case.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.code {
            Code::Ok => "ok",
            Code::Cancelled => "cancelled",
            Code::Unknown => "unknown",
            Code::InvalidArgument => "invalid_argument",
            Code::DeadlineExceeded => "deadline_exceeded",
            Code::NotFound => "not_found",
            Code::AlreadyExists => "already_exists",
            Code::PermissionDenied => "permission_denied",
            Code::ResourceExhausted => "resource_exhausted",
            Code::FailedPrecondition => "failed_precondition",
            Code::Aborted => "aborted",
            Code::OutOfRange => "out_of_range",
            Code::Unimplemented => "unimplemented",
            Code::Internal => "internal",
            Code::Unavailable => "unavailable",
            Code::DataLoss => "data_loss",
            Code::Unauthenticated => "unauthenticated",
        }
    }

    /// What may be concluded. Only codes that no transport and no overload
    /// makes are a definite no; all others are unknown, which is never treated
    /// as failed.
    pub(crate) const fn verdict(&self) -> Verdict {
        match self.code {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => Verdict::Fail,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Verdict::Unknown,
        }
    }

    /// Whether the stable reason is `reason`.
    pub(crate) fn is(&self, reason: &str) -> bool {
        self.reason.as_deref() == Some(reason)
    }

    /// A call that was given up by its caller.
    pub(crate) fn timed_out() -> Self {
        Self {
            code: Code::DeadlineExceeded,
            reason: None,
            message: "no answer in time".to_owned(),
        }
    }

    /// A call that met no server, or lost it.
    pub(crate) fn transport(message: impl Into<String>) -> Self {
        Self {
            code: Code::Unavailable,
            reason: None,
            message: message.into(),
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self {
            code: status.code(),
            reason: shop_proto::errors::reason(&status),
            message: status.message().to_owned(),
        }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind())?;
        if let Some(reason) = &self.reason {
            write!(f, " {reason}")?;
        }
        write!(f, ": {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_unknown_and_a_refusal_is_not() {
        assert_eq!(CallError::timed_out().verdict(), Verdict::Unknown);
        assert_eq!(CallError::transport("reset").verdict(), Verdict::Unknown);
        for code in [
            Code::Internal,
            Code::Aborted,
            Code::ResourceExhausted,
            Code::Cancelled,
        ] {
            assert_eq!(
                CallError::from(Status::new(code, "")).verdict(),
                Verdict::Unknown
            );
        }
        let refused = shop_proto::errors::refused(
            Code::AlreadyExists,
            "orders.shop",
            "IDEMPOTENCY_KEY_REUSED",
            "other body",
        );
        let refused = CallError::from(refused);
        assert_eq!(refused.verdict(), Verdict::Fail);
        assert!(refused.is("IDEMPOTENCY_KEY_REUSED"));
        assert_eq!(
            refused.to_string(),
            "already_exists IDEMPOTENCY_KEY_REUSED: other body"
        );
    }
}
