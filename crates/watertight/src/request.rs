//! What a handler can learn about its request: scope, deadline, connection.

use crate::{Deadline, Scope};
use http::Extensions;
use std::net::SocketAddr;
use std::time::Duration;

/// What a request without a scope gets: it did not come through the chassis'
/// server, as in a unit test of a handler.
const FALLBACK: Duration = Duration::from_secs(10);

/// Which listener a request came in by; in the request's extensions.
///
/// The main listener is `"main"`, others as named in [`crate::App::also_listen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerTag(pub &'static str);

/// What is known about a connection; in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ConnInfo {
    /// The peer's address.
    pub peer: SocketAddr,
    /// The listener it came in by.
    pub tag: ListenerTag,
}

/// The scope of a request, for [`tonic::Request`], [`http::Request`] and
/// [`http::request::Parts`].
///
/// The scope ends with the request: when its response has been sent, its
/// deadline passed or its caller left, everything spawned on it is dropped.
/// What must outlive the request belongs to a scope of the service.
pub trait RequestScope {
    /// The request's scope.
    ///
    /// A request that did not come through the chassis' server gets the
    /// ambient scope, or a fresh one with ten seconds.
    fn scope(&self) -> Scope;

    /// The request's deadline.
    fn deadline(&self) -> Deadline {
        self.scope()
            .deadline()
            .unwrap_or_else(|| Deadline::after(FALLBACK))
    }
}

fn from_extensions(scope: Option<&Scope>) -> Scope {
    scope
        .cloned()
        .or_else(watertight_core::current)
        .unwrap_or_else(|| Scope::root("request").with_deadline(Deadline::after(FALLBACK)))
}

impl<T> RequestScope for tonic::Request<T> {
    fn scope(&self) -> Scope {
        from_extensions(self.extensions().get())
    }
}

impl<T> RequestScope for http::Request<T> {
    fn scope(&self) -> Scope {
        from_extensions(self.extensions().get())
    }
}

impl RequestScope for http::request::Parts {
    fn scope(&self) -> Scope {
        from_extensions(self.extensions.get())
    }
}

impl RequestScope for Extensions {
    fn scope(&self) -> Scope {
        from_extensions(self.get())
    }
}
