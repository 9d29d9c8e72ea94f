//! Which protocol a request speaks, before anything is looked up for it.

use super::respond::Answer;
use http::{HeaderMap, Method, Request, Version, header};

/// Whether a request is gRPC; or why it is neither that nor plain HTTP.
///
/// tonic takes whatever comes with a content type that begins like gRPC's:
/// a GET would place an order, and a peer of gRPC-Web would read frames it
/// doesn't know. So that is decided here.
pub(crate) fn is_grpc<B>(request: &Request<B>) -> Result<bool, Answer> {
    let Some(subtype) = grpc_subtype(request.headers()) else {
        return Ok(false);
    };
    if !matches!(subtype, b"" | b"+proto") {
        return Err(Answer::UnknownGrpc);
    }
    if request.method() != Method::POST {
        return Err(Answer::GrpcNeedsPost);
    }
    // The status comes in trailers, which HTTP/1 clients seldom read.
    if request.version() != Version::HTTP_2 {
        return Err(Answer::GrpcNeedsHttp2);
    }
    Ok(true)
}

/// What follows `application/grpc` in the content type, without parameters.
fn grpc_subtype(headers: &HeaderMap) -> Option<&[u8]> {
    const GRPC: &[u8] = b"application/grpc";
    let value = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let (start, rest) = value.split_at_checked(GRPC.len())?;
    if !start.eq_ignore_ascii_case(GRPC) {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b';');
    Some(rest[..end.unwrap_or(rest.len())].trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content_type: &str, method: Method, version: Version) -> Result<bool, Answer> {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, content_type)
            .method(method)
            .version(version);
        is_grpc(&request.body(()).unwrap())
    }

    #[test]
    fn content_types_tell() {
        for (content_type, expected) in [
            ("application/grpc", Ok(true)),
            ("application/grpc+proto", Ok(true)),
            ("Application/gRPC; charset=utf-8", Ok(true)),
            ("application/json", Ok(false)),
            ("application/grp", Ok(false)),
            ("", Ok(false)),
            ("application/grpc-web", Err(Answer::UnknownGrpc)),
            ("application/grpc-web+proto", Err(Answer::UnknownGrpc)),
            ("application/grpc-web-text", Err(Answer::UnknownGrpc)),
            ("application/grpc+json", Err(Answer::UnknownGrpc)),
        ] {
            let told = told(content_type, Method::POST, Version::HTTP_2);
            assert_eq!(told, expected, "{content_type:?}");
        }
    }

    #[test]
    fn grpc_is_posted_over_http2() {
        let grpc = |method, version| told("application/grpc", method, version);
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
            assert_eq!(grpc(method, Version::HTTP_2), Err(Answer::GrpcNeedsPost));
        }
        let needs_http2 = Err(Answer::GrpcNeedsHttp2);
        assert_eq!(grpc(Method::POST, Version::HTTP_11), needs_http2);
        assert_eq!(grpc(Method::POST, Version::HTTP_10), needs_http2);
    }
}
