//! Which trace a scope's work belongs to.

use super::{Made, Scope};
use crate::{TraceContext, Traced, Tracer};

impl Scope {
    /// The trace that this scope's work belongs to; `None` for work that no
    /// request asked for.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.inner.trace.as_ref().map(Traced::context)
    }

    /// The same with where its spans go, if they are recorded.
    #[must_use]
    pub fn traced(&self) -> Option<&Traced> {
        self.inner.trace.as_ref()
    }

    /// What records the jobs of the service whose root this is; the first stays.
    pub fn set_tracer(&self, tracer: Tracer) {
        let _first = self.root_scope().inner.tracer.set(tracer);
    }

    pub(crate) fn root_tracer(&self) -> Option<&Tracer> {
        self.inner.tracer.get()
    }

    /// A child that belongs to `trace`, as do its own children.
    #[must_use]
    pub fn with_trace(&self, trace: impl Into<Traced>) -> Self {
        self.make(Made {
            trace: Some(trace.into()),
            ..self.like()
        })
    }

    /// A child in the trace of the calling code, for work that a request asks for
    /// but that outlives it; this scope itself if the caller has no trace. What it
    /// does isn't recorded; [`Scope::job`] is for what should be.
    #[must_use]
    pub fn in_current_trace(&self) -> Self {
        crate::ambient::current_traced().map_or_else(
            || self.clone(),
            |traced| self.with_trace(traced.outliving()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Deadline;
    use std::time::Duration;

    #[test]
    fn children_belong_to_the_trace() {
        let trace = TraceContext::new(1, 2);
        let root = Scope::root("test");
        let request = root.for_request(Deadline::after(Duration::from_secs(1)), trace);
        assert_eq!((root.trace(), request.trace()), (None, Some(trace)));
        assert_eq!(request.child("child").trace(), Some(trace));
        let sooner = request.with_deadline(Deadline::after(Duration::ZERO));
        assert_eq!(sooner.trace(), Some(trace));
        assert!(request.deadline() > sooner.deadline());

        assert_eq!(crate::current_trace(), None);
        let service = Scope::root("service");
        assert_eq!(service.in_current_trace().trace(), None);
        request.enter(|| {
            assert_eq!(crate::current_trace(), Some(trace));
            let outliving = service.in_current_trace();
            assert_eq!(outliving.trace(), Some(trace));
            request.cancel();
            assert!(!outliving.is_cancelled());
        });
    }
}
