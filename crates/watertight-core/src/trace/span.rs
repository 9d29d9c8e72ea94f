//! Named work under a scope.

use super::record::add;
use super::recording::{EndedAs, RootSpan};
use super::traced::{Open, Traced};
use super::{TraceContext, Tracer, Value};
use crate::{Ambient, Scope};
use std::time::Instant;

/// A named piece of work while it is under way; it ends when it is dropped.
///
/// What is done under [`Span::scope`] is a part of it. If nothing is recorded, it
/// is nothing but the scope.
#[derive(Debug)]
#[must_use = "the span ends when it is dropped"]
pub struct Span {
    scope: Scope,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unrecorded,
    Part(Open),
    Job {
        name: &'static str,
        attributes: Vec<(&'static str, Value)>,
        lost: u32,
        error: Option<&'static str>,
        /// `None` only while it is dropped.
        root: Option<RootSpan>,
    },
}

impl Span {
    /// The scope of the work: what is done under it belongs to the span.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Polls `fut` under the span's scope, see [`Scope::ambient`].
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `fut`.
    pub fn ambient<F: Future>(&self, fut: F) -> Ambient<F> {
        self.scope.ambient(fut)
    }

    /// Says more about it. Never what a caller sent.
    ///
    /// # Limits
    ///
    /// 32 times; what is said after that is counted and dropped.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        match &mut self.kind {
            Kind::Unrecorded => {}
            Kind::Part(open) => {
                if let Some(record) = open.record() {
                    let lost = &mut record.attributes_lost;
                    add(&mut record.attributes, lost, (name, value.into()));
                }
            }
            Kind::Job {
                attributes, lost, ..
            } => add(attributes, lost, (name, value.into())),
        }
    }

    /// Says that it failed, and why. A job that failed is kept whether or not
    /// its trace is sampled.
    pub fn fail(&mut self, why: &'static str) {
        match &mut self.kind {
            Kind::Unrecorded => {}
            Kind::Part(open) => {
                if let Some(record) = open.record() {
                    record.error = Some(why);
                }
            }
            Kind::Job { error, .. } => *error = Some(why),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Kind::Job {
            name,
            attributes,
            lost,
            error,
            root,
        } = &mut self.kind
        else {
            return;
        };
        let Some(root) = root.take() else { return };
        let ended = EndedAs {
            error: error.is_some(),
            slow: root.is_slow(),
        };
        root.end(ended, |record| {
            record.name = (*name).into();
            record.attributes = std::mem::take(attributes);
            record.attributes_lost = *lost;
            record.error = *error;
        });
    }
}

impl Scope {
    /// A named piece of this scope's work, to be dropped when it is done.
    ///
    /// If the scope's trace is recorded, the span has a child scope of its own;
    /// else it costs nothing and has this one. Spans that are still open when
    /// their local root ends are lost, and counted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use watertight_core::Scope;
    /// # async fn ask() {}
    /// # async fn f(scope: &Scope) {
    /// let span = scope.span("reserve");
    /// span.ambient(ask()).await;
    /// # }
    /// ```
    pub fn span(&self, name: &'static str) -> Span {
        match self.traced().and_then(|traced| traced.part(name)) {
            Some((within, open)) => Span {
                scope: self.with_trace(within),
                kind: Kind::Part(open),
            },
            None => Span {
                scope: self.clone(),
                kind: Kind::Unrecorded,
            },
        }
    }

    /// Notes that something happened; `attributes` are asked for only if that is
    /// recorded.
    pub fn event(
        &self,
        name: &'static str,
        attributes: impl FnOnce() -> Vec<(&'static str, Value)>,
    ) {
        if let Some(traced) = self.traced() {
            traced.event(name, attributes);
        }
    }

    /// A job: a local root of its own in the trace of the calling code, for work
    /// that a request asks for but that outlives it; in a new trace if the caller
    /// has none. Spawn it on the span's scope and drop the span at its end.
    ///
    /// It is recorded if this scope's service has a tracer.
    pub fn job(&self, name: &'static str) -> Span {
        let caller = crate::ambient::current_traced();
        let state = caller.as_ref().and_then(|caller| caller.state().cloned());
        self.begin_job(name, caller.map(|caller| caller.context()), state)
    }

    /// The same for a job that goes on in a trace of which only the ids are left,
    /// such as after a restart.
    pub fn job_in(&self, name: &'static str, origin: Option<TraceContext>) -> Span {
        self.begin_job(name, origin, None)
    }

    fn begin_job(
        &self,
        name: &'static str,
        origin: Option<TraceContext>,
        state: Option<super::TraceState>,
    ) -> Span {
        let Some(tracer) = self.tracer() else {
            let scope = origin.map_or_else(
                || self.clone(),
                |origin| self.with_trace(Traced::unrecorded(origin, state)),
            );
            let kind = Kind::Unrecorded;
            return Span { scope, kind };
        };
        let (traced, root) = tracer.begin_job(origin, state, Instant::now());
        let kind = match root {
            Some(root) => Kind::Job {
                name,
                attributes: Vec::new(),
                lost: 0,
                error: None,
                root: Some(root),
            },
            None => Kind::Unrecorded,
        };
        Span {
            scope: self.with_trace(traced),
            kind,
        }
    }

    fn tracer(&self) -> Option<&Tracer> {
        let own = || Some(self.traced()?.recording()?.tracer());
        self.root_scope().root_tracer().or_else(own)
    }
}
