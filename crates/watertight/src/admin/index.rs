//! What there is on the admin port.

use super::html::{Text, page};
use axum::response::Response;
use std::fmt;

struct Entry {
    path: &'static str,
    what: &'static str,
}

const ENTRIES: [Entry; 10] = [
    Entry {
        path: "/livez",
        what: "200 while the process can answer at all",
    },
    Entry {
        path: "/readyz",
        what: "200 while it should get requests; else 503 and why not",
    },
    Entry {
        path: "/metrics",
        what: "all series, as Prometheus reads them",
    },
    Entry {
        path: "/config",
        what: "the settings that hold, and where each comes from",
    },
    Entry {
        path: "/debug/log",
        what: "which log lines are written; PUT a filter, with ?for=10m for a while; DELETE to go back",
    },
    Entry {
        path: "/debug/tasks",
        what: "all tasks by spawn site, and the oldest by name; ?top=N for more of them, ?format=json for programs",
    },
    Entry {
        path: "/debug/tasks?dead",
        what: "tasks that can never run again",
    },
    Entry {
        path: "/debug/tasks?suspects",
        what: "tasks that wait far longer than others of their spawn site did",
    },
    Entry {
        path: "/debug/tasks?stragglers",
        what: "tasks that are still there though their scope was cancelled",
    },
    Entry {
        path: "/debug/tasks?stalled",
        what: "workers that are stuck in one poll, and in which",
    },
];

/// The first page.
pub(super) fn index(service: &str) -> Response {
    page(service, &Index)
}

struct Index;

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<p>The admin port.</p>\n<table><tbody>\n")?;
        for Entry { path, what } in &ENTRIES {
            let (path, what) = (Text(path), Text(what));
            writeln!(
                f,
                "<tr><td class=at><a href=\"{path}\">{path}</a></td><td>{what}</td></tr>"
            )?;
        }
        // No link: browsers would send a GET.
        f.write_str("<tr><td class=at>POST /debug/purge</td><td>the allocator gives empty pages back</td></tr>\n")?;
        f.write_str("</tbody></table>\n")
    }
}
