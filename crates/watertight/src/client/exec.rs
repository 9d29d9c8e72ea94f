//! Where the transport crates' own tasks go: to a scope.

use crate::Scope;

/// An executor that gives connection tasks an owner.
#[derive(Clone, Debug)]
pub(super) struct ScopeExec(pub(super) Scope);

impl<F> hyper::rt::Executor<F> for ScopeExec
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, fut: F) {
        self.0.spawn_idle("client connection", fut);
    }
}
