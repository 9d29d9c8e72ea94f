//! What the processes say of themselves on their admin ports.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use watertight::HttpClient;
use watertight_core::{Deadline, Scope};

use crate::{services::Service, stage::DemoError, supervise::Plan};

/// How long a question may take.
const QUESTION_MAX: Duration = Duration::from_secs(5);

/// `GET /debug/tasks?format=json`, as far as it is used here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Tasks {
    /// The groups that are shown: those with the most tasks.
    pub(super) groups: Vec<Group>,
    pub(super) dead: u64,
    pub(super) stragglers: u64,
    pub(super) orphans: u64,
}

/// The tasks of one spawn site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Group {
    pub(super) task: String,
    pub(super) spawned_at: String,
    pub(super) tasks: u64,
}

/// The admin ports of a shop.
#[derive(Debug)]
pub(super) struct Admin {
    client: HttpClient,
    scope: Scope,
    urls: [String; Service::ALL.len()],
    provider: [String; 3],
}

impl Admin {
    pub(super) fn new(scope: &Scope, plan: &Plan) -> Self {
        Self {
            client: HttpClient::new("admin"),
            scope: scope.child("admin"),
            urls: Service::ALL.map(|service| plan.admin_url(service)),
            provider: plan.provider_urls(),
        }
    }

    /// The tasks of a process.
    ///
    /// # Errors
    ///
    /// [`DemoError::Usage`] if it doesn't say, as the others.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub(super) async fn tasks(&self, service: Service) -> Result<Tasks, DemoError> {
        let path = "/debug/tasks?format=json&top=1000";
        let answer = self.ask(Method::GET, service, path).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| DemoError::Usage(format!("{}{path}: {error}", service.name())))
    }

    /// The values of a process' series without labels, by name.
    ///
    /// # Errors
    ///
    /// As [`Admin::tasks`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub(super) async fn gauges(
        &self,
        service: Service,
    ) -> Result<BTreeMap<String, f64>, DemoError> {
        let answer = self.ask(Method::GET, service, "/metrics").await?;
        Ok(gauges(&String::from_utf8_lossy(&answer)))
    }

    /// Has a process give memory that it doesn't use back to the system.
    ///
    /// # Errors
    ///
    /// As [`Admin::tasks`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have happened.
    pub(super) async fn purge(&self, service: Service) -> Result<(), DemoError> {
        self.ask(Method::POST, service, "/debug/purge")
            .await
            .map(drop)
    }

    /// Ends all faults of the provider.
    ///
    /// # Errors
    ///
    /// As [`Admin::tasks`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, some endpoints may go on as before.
    pub(super) async fn calm(&self) -> Result<(), DemoError> {
        for url in &self.provider {
            let url = format!("{url}/control");
            self.send(Method::PUT, url, Bytes::from_static(b"{}"))
                .await?;
        }
        Ok(())
    }

    async fn ask(&self, method: Method, service: Service, path: &str) -> Result<Bytes, DemoError> {
        let url = format!("{}{path}", self.urls[service.index()]);
        self.send(method, url, Bytes::new()).await
    }

    async fn send(&self, method: Method, url: String, body: Bytes) -> Result<Bytes, DemoError> {
        let failed = |why: String| DemoError::Usage(format!("{url}: {why}"));
        let request = http::Request::builder().method(method).uri(&url).body(body);
        let request = request.map_err(|error| failed(error.to_string()))?;
        let bounded = self.scope.with_deadline(Deadline::after(QUESTION_MAX));
        match bounded.run(self.client.send(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(answer.into_body()),
            Ok(Ok(answer)) => Err(failed(answer.status().to_string())),
            Ok(Err(error)) => Err(failed(crate::console::chain(&error))),
            Err(closed) => Err(failed(closed.to_string())),
        }
    }
}

fn gauges(text: &str) -> BTreeMap<String, f64> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains('{'));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_passed_over() {
        let page = r#"{"tasks":9,"groups":[{"task":"saga","spawned_at":"a.rs:1:2","tasks":3,"polls":5}],
            "more_groups":{"groups":0,"tasks":0},"dead":1,"orphans":2,"runtime_alive":9}"#;
        let tasks: Tasks = serde_json::from_str(page).unwrap();
        assert_eq!((tasks.dead, tasks.orphans, tasks.stragglers), (1, 2, 0));
        assert_eq!((&*tasks.groups[0].task, tasks.groups[0].tasks), ("saga", 3));
        let text = "# TYPE a gauge\na 5\nb{x=\"1\"} 6\nallocator_allocated_bytes 1.5e6\nbad x\n";
        let gauges = gauges(text);
        assert_eq!(gauges.len(), 2);
        assert_eq!(gauges["allocator_allocated_bytes"], 1_500_000.0);
    }
}
