//! `/debug/tasks`: all tasks of the process, for people and for programs.

mod page;
mod report;

use crate::ops::TaskWatch;
use crate::{Problem, extract, problems};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use report::Report;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use watertight_core::Query;

/// Groups and tasks that are shown, unless the caller wants another number.
const TOP: usize = 50;
const TOP_MAX: u64 = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    dead: Option<Flag>,
    suspects: Option<Flag>,
    stragglers: Option<Flag>,
    stalled: Option<Flag>,
    top: Option<Top>,
    format: Option<Format>,
}

/// A parameter without a value.
#[derive(Clone, Copy, Debug)]
struct Flag;

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if String::deserialize(deserializer)?.is_empty() {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("takes no value"))
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
struct Top(usize);

impl TryFrom<u64> for Top {
    type Error = String;

    fn try_from(top: u64) -> Result<Self, String> {
        match usize::try_from(top) {
            Ok(some) if (1..=TOP_MAX).contains(&top) => Ok(Self(some)),
            Ok(_) | Err(_) => Err(format!("must be 1 to {TOP_MAX}")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Html,
}

/// Which tasks are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    All,
    Dead,
    Suspects,
    Stragglers,
    Stalled,
}

impl Filter {
    const EACH: [Self; 5] = [
        Self::All,
        Self::Dead,
        Self::Suspects,
        Self::Stragglers,
        Self::Stalled,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Dead => "dead",
            Self::Suspects => "suspects",
            Self::Stragglers => "stragglers",
            Self::Stalled => "stalled",
        }
    }

    /// What to ask the registry; who is stalled, it doesn't know.
    fn query(self) -> Option<Query> {
        match self {
            Self::All => Some(Query::All),
            Self::Dead => Some(Query::Dead),
            Self::Suspects => Some(Query::Suspects),
            Self::Stragglers => Some(Query::Stragglers),
            Self::Stalled => None,
        }
    }
}

impl Params {
    fn filter(&self) -> Result<Filter, Problem> {
        let set = [
            (self.dead, Filter::Dead),
            (self.suspects, Filter::Suspects),
            (self.stragglers, Filter::Stragglers),
            (self.stalled, Filter::Stalled),
        ];
        let mut set = set
            .iter()
            .filter_map(|(flag, filter)| flag.map(|_| *filter));
        match (set.next(), set.next()) {
            (None, _) => Ok(Filter::All),
            (Some(one), None) => Ok(one),
            (Some(one), Some(two)) => {
                let (one, two) = (one.name(), two.name());
                let what = format!("does not go together with {one}");
                Err(Problem::new(&problems::INVALID_REQUEST)
                    .detail(format!("{two}: {what}"))
                    .field(two, what))
            }
        }
    }
}

/// Takes a census, in steps, and shows it.
pub(super) async fn tasks(
    State(watch): State<Arc<TaskWatch>>,
    headers: HeaderMap,
    extract::Query(params): extract::Query<Params>,
) -> Result<Response, Problem> {
    let filter = params.filter()?;
    let top = params.top.map_or(TOP, |top| top.0);
    let report = Report::take(&watch, filter, top).await;
    let format = params.format.unwrap_or_else(|| wanted(&headers));
    Ok(match format {
        Format::Html => page::show(&report),
        Format::Json => {
            // Numbers and texts can't fail to be written.
            let mut json = serde_json::to_vec(&report).unwrap_or_default();
            json.push(b'\n');
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, json).into_response()
        }
    })
}

/// JSON for whoever asks for that and not for HTML, as browsers do.
fn wanted(headers: &HeaderMap) -> Format {
    let accepts = |what: &str| {
        let all = headers.get_all(header::ACCEPT).iter();
        all.filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().contains(what))
    };
    if accepts("application/json") && !accepts("text/html") {
        Format::Json
    } else {
        Format::Html
    }
}
