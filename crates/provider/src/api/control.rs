//! `/control`: the switches, one plan per listener.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};

use super::{
    Api, answer,
    request::{self, Visit},
};
use crate::faults::{Fate, FaultPlan};

/// The fault plan of each listener. As many as there are listeners, for ever.
#[derive(Debug)]
pub(crate) struct Switches(Vec<(&'static str, Mutex<FaultPlan>)>);

impl Switches {
    /// One switch per listener, all set to `plan`.
    pub(crate) fn new(tags: impl Iterator<Item = &'static str>, plan: &FaultPlan) -> Self {
        Self(tags.map(|tag| (tag, Mutex::new(plan.clone()))).collect())
    }

    fn with<T>(&self, tag: &str, f: impl FnOnce(&mut FaultPlan) -> T) -> Option<T> {
        let (_, plan) = self.0.iter().find(|(known, _)| *known == tag)?;
        let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
        Some(f(&mut plan))
    }

    /// Draws what befalls one request on the listener `tag`.
    pub(super) fn draw(&self, tag: &str) -> Fate {
        self.with(tag, |plan| plan.draw(&mut rand::rng()))
            .unwrap_or_default()
    }
}

/// `GET /control`.
pub(super) async fn show(State(api): State<Arc<Api>>, visit: Visit) -> Response {
    Json(api.switches.with(visit.tag, |plan| plan.clone())).into_response()
}

/// `PUT /control`: replaces the whole plan; what isn't given is off.
pub(super) async fn change(State(api): State<Arc<Api>>, visit: Visit, bytes: Bytes) -> Response {
    let checked = request::body::<FaultPlan>(&bytes).and_then(|plan| plan.check().map(|()| plan));
    match checked {
        Err(why) => answer::bad_request(&why),
        Ok(new) => {
            tracing::info!(listener = visit.tag, faults = ?new, "faults switched");
            Json(api.switches.with(visit.tag, |plan| {
                plan.clone_from(&new);
                new
            }))
            .into_response()
        }
    }
}
