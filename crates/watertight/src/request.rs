//! What a handler can learn about its request: scope, deadline, connection.

use crate::server::Control;
use crate::{Deadline, Problem, Scope, problems};
use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a request without a scope gets: it did not come through the chassis'
/// server, as in a unit test of a handler.
const FALLBACK: Duration = Duration::from_secs(10);

/// Which listener a request came in by: an extractor for axum's handlers.
///
/// The main listener is `"main"`, others as named in [`crate::App::also_listen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerTag(pub &'static str);

/// What is known about a connection: an extractor for axum's handlers, and
/// [`RequestScope::conn`] for all others.
#[derive(Clone, Copy, Debug)]
pub struct ConnInfo {
    /// The peer's address.
    pub peer: SocketAddr,
    /// The listener it came in by.
    pub tag: ListenerTag,
}

/// All that the server knows of a request, in its extensions.
///
/// One entry and not four: each is an allocation, and with a fourth the map of
/// extensions, to which axum adds its own, has to grow.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) scope: Scope,
    /// None outside of the chassis' server.
    pub(crate) info: Option<ConnInfo>,
    /// Where the HTTP router writes down what it chose.
    pub(crate) control: Option<Arc<Control>>,
}

impl<S: Send + Sync> FromRequestParts<S> for ConnInfo {
    type Rejection = Problem;

    /// Fails with 500 for a request that no connection brought, as in a unit test.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let info = parts.conn();
        info.ok_or_else(|| Problem::new(&problems::INTERNAL))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ListenerTag {
    type Rejection = Problem;

    /// Fails with 500 for a request that no connection brought, as in a unit test.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(ConnInfo::from_request_parts(parts, state).await?.tag)
    }
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
    /// A request that came neither through the chassis' server nor through a
    /// [`crate::ScopeLayer`] gets the ambient scope, or a fresh one with ten seconds.
    fn scope(&self) -> Scope;

    /// What is known about the connection; `None` if the request did not come
    /// through the chassis' server.
    fn conn(&self) -> Option<ConnInfo>;

    /// The request's deadline.
    fn deadline(&self) -> Deadline {
        self.scope()
            .deadline()
            .unwrap_or_else(|| Deadline::after(FALLBACK))
    }
}

fn conn_of(extensions: &Extensions) -> Option<ConnInfo> {
    extensions.get::<Known>().and_then(|known| known.info)
}

fn scope_of(extensions: &Extensions) -> Scope {
    let known = extensions.get::<Known>();
    known
        .map(|known| known.scope.clone())
        .or_else(watertight_core::current)
        .unwrap_or_else(|| Scope::root("request").with_deadline(Deadline::after(FALLBACK)))
}

impl<T> RequestScope for tonic::Request<T> {
    fn scope(&self) -> Scope {
        scope_of(self.extensions())
    }

    fn conn(&self) -> Option<ConnInfo> {
        conn_of(self.extensions())
    }
}

impl<T> RequestScope for http::Request<T> {
    fn scope(&self) -> Scope {
        scope_of(self.extensions())
    }

    fn conn(&self) -> Option<ConnInfo> {
        conn_of(self.extensions())
    }
}

impl RequestScope for Parts {
    fn scope(&self) -> Scope {
        scope_of(&self.extensions)
    }

    fn conn(&self) -> Option<ConnInfo> {
        conn_of(&self.extensions)
    }
}

impl RequestScope for Extensions {
    fn scope(&self) -> Scope {
        scope_of(self)
    }

    fn conn(&self) -> Option<ConnInfo> {
        conn_of(self)
    }
}
