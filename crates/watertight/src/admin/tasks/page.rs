//! The same for people.

use super::Filter;
use super::report::{GroupRow, Report, StallRow, TaskRow};
use crate::admin::html::{Span, Text, page};
use axum::response::Response;
use std::fmt;

const GROUPS: &str = "<th>task</th><th>spawned at</th><th class=n>tasks</th><th class=n>parked</th>\
    <th class=n>queued</th><th class=n>running</th><th class=n>polls</th><th class=n>busy</th>\
    <th class=n>oldest</th><th class=n>longest parked</th>";
const TASKS: &str = "<th>task</th><th>spawned at</th><th>scope</th><th>label</th><th class=n>age</th>\
    <th>state</th><th class=n>for</th><th class=n>polls</th><th class=n>busy</th>";
const STALLS: &str = "<th>thread</th><th>task</th><th>spawned at</th><th>scope</th><th>label</th>\
    <th class=n>for</th>";

pub(super) fn show(report: &Report) -> Response {
    page(&format!("{}: tasks", report.service), &Body(report))
}

struct Body<'a>(&'a Report);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        links(f, report)?;
        summary(f, report)?;
        if !report.stalled.is_empty() {
            let rows = report.stalled.iter().map(Row);
            table(f, "Stuck workers", STALLS, rows)?;
            more(f, report.more_stalled, "more")?;
        }
        if !report.groups.is_empty() {
            let rows = report.groups.iter().map(Row);
            table(f, "By spawn site", GROUPS, rows)?;
            let rest = report.more_groups;
            let more_tasks = format!("more spawn sites with {} tasks", rest.tasks);
            more(f, rest.groups, &more_tasks)?;
        }
        if !report.oldest.is_empty() {
            let rows = report.oldest.iter().map(Row);
            table(f, "The oldest", TASKS, rows)?;
            more(f, report.more_tasks, "younger ones")?;
        }
        Ok(())
    }
}

fn links(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let top = report.top;
    f.write_str("<nav>")?;
    for filter in Filter::EACH {
        let name = filter.name();
        let (count, wrong) = match filter {
            Filter::All => (report.live, false),
            Filter::Dead => (report.dead, report.dead > 0),
            Filter::Suspects => (report.suspects, false),
            Filter::Stragglers => (report.stragglers, report.stragglers > 0),
            Filter::Stalled => {
                let count = report.stalled.len() + report.more_stalled;
                (count, count > 0)
            }
        };
        let here = if name == report.filter { "here" } else { "" };
        let bad = if wrong { "bad" } else { "" };
        let flag = match filter {
            Filter::All => String::new(),
            Filter::Dead | Filter::Suspects | Filter::Stragglers | Filter::Stalled => {
                format!("{name}&amp;")
            }
        };
        write!(
            f,
            "<a class=\"{here} {bad}\" href=\"/debug/tasks?{flag}top={top}\">{name} {count}</a>"
        )?;
    }
    let flag = if report.filter == Filter::All.name() {
        String::new()
    } else {
        format!("{}&amp;", report.filter)
    };
    writeln!(
        f,
        "<a href=\"/debug/tasks?{flag}top={top}&amp;format=json\">as JSON</a><a href=\"/\">admin port</a></nav>"
    )
}

fn summary(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let states = report.states;
    write!(
        f,
        "<p>{} tasks: {} parked, {} queued, {} running. The runtimes know {}, of which {} have no owner.",
        report.tasks,
        states.parked,
        states.queued,
        states.running,
        report.runtime_alive,
        report.orphans,
    )?;
    if let Some(ago) = report.counted_seconds_ago {
        write!(
            f,
            " <span class=dim>Dead, suspects and stragglers were counted {} ago.</span>",
            Span(ago)
        )?;
    }
    f.write_str("</p>\n")
}

fn more(f: &mut fmt::Formatter<'_>, count: usize, what: &str) -> fmt::Result {
    if count == 0 {
        return Ok(());
    }
    writeln!(f, "<p class=dim>and {count} {what}</p>")
}

fn table<R: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    head: &str,
    rows: impl Iterator<Item = R>,
) -> fmt::Result {
    write!(
        f,
        "<h2>{title}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n"
    )?;
    for row in rows {
        writeln!(f, "<tr>{row}</tr>")?;
    }
    f.write_str("</tbody></table>\n")
}

struct Row<'a, T>(&'a T);

impl fmt::Display for Row<'_, GroupRow> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0;
        let (name, place) = (Text(group.task), Text(&group.spawned_at));
        write!(f, "<td>{name}</td><td class=at>{place}</td>")?;
        let states = group.states;
        for count in [group.tasks, states.parked, states.queued, states.running] {
            write!(f, "<td class=n>{count}</td>")?;
        }
        write!(f, "<td class=n>{}</td>", group.polls)?;
        let spans = [
            group.busy_seconds,
            group.oldest_seconds,
            group.parked_max_seconds,
        ];
        spans
            .iter()
            .try_for_each(|span| write!(f, "<td class=n>{}</td>", Span(*span)))
    }
}

impl fmt::Display for Row<'_, TaskRow> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.0;
        let cancelled = if task.cancelled { ", cancelled" } else { "" };
        write!(
            f,
            "<td>{}</td><td class=at>{}</td><td>{}</td><td>{}</td><td class=n>{}</td>\
             <td>{}{cancelled}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td>",
            Text(task.task),
            Text(&task.spawned_at),
            Text(task.scope),
            Text(&task.label),
            Span(task.age_seconds),
            task.state,
            Span(task.since_seconds),
            task.polls,
            Span(task.busy_seconds),
        )
    }
}

impl fmt::Display for Row<'_, StallRow> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StallRow {
            thread,
            polling_seconds,
            task,
        } = self.0;
        write!(
            f,
            "<td>{}</td><td>{}</td><td class=at>{}</td><td>{}</td><td>{}</td><td class=n>{}</td>",
            Text(thread),
            Text(task.task),
            Text(&task.spawned_at),
            Text(task.scope),
            Text(&task.label),
            Span(*polling_seconds),
        )
    }
}
