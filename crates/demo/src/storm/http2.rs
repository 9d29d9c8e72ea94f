//! Clients who speak HTTP/2 with the gateway and reset their streams.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use tonic::{body::Body, codegen::Service as _, transport::Channel};

use crate::check::CallError;

/// An answer beyond this is none.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Sends a request on a connection that knows that it speaks HTTP/2, and reads
/// the answer to its end.
///
/// # Errors
///
/// [`CallError`] of the transport.
///
/// # Cancel safety
///
/// Dropped, the stream is reset: this is how a client leaves.
pub(super) async fn ask(
    channel: &Channel,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, CallError> {
    let failed = |error: &dyn std::error::Error| CallError::transport(crate::console::chain(error));
    let mut channel = channel.clone();
    std::future::poll_fn(|cx| channel.poll_ready(cx))
        .await
        .map_err(|error| failed(&error))?;
    let request = request.map(|body| Body::new(Full::new(body)));
    let answer = channel
        .call(request)
        .await
        .map_err(|error| failed(&error))?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| CallError::transport(error.to_string()))?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}
