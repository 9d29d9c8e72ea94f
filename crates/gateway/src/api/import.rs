//! A catalogue as a stream of lines, in memory that doesn't grow with it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use shop_proto::inventory::{CatalogItem, ImportCatalogRequest, ImportCatalogResponse};
use watertight::Problem;
use watertight::axum::body::{Body, BodyDataStream};
use watertight::axum::extract::State;
use watertight::axum::response::Response;
use watertight::extract::{body_broke_off, check_content};

use super::catalog::{Acknowledged, Broken, CatalogRow, ImportLine, Summary, row};
use super::document::ImportProblems;
use super::headers::ImportId;
use super::problems::{Kind, refused};
use super::{Gateway, kinds};
use crate::clients::{Failure, Inventory};
use crate::series::IMPORT_ROWS;
use crate::service::chunk::{Chunk, Rejected, step_id};
use crate::service::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::service::places::Place;
use crate::service::retry;
use crate::service::tally::Tally;

/// What a body must be, and what the answer is.
const NDJSON: &str = "application/x-ndjson";
/// When to come back if all places are taken.
const COME_BACK: Duration = Duration::from_secs(10);

/// Between the last line of an answer that is broken off and the break, which
/// throws away what has not left by then. Nothing tells when it has.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Import a catalogue
///
/// One JSON object per line, any number of lines, each at most 16 KiB. The
/// answer is a stream as well: a line for each step that is durable, of up to
/// 1,000 rows, while the next rows are read, and a summary at the end. Read it
/// while you send: rows are taken no faster than their acknowledgments. A bad
/// row is rejected with its number and the others go on.
///
/// Each row is a delivery: its quantity is added to what there is. If the
/// connection breaks, send the same lines under the same `Import-Id`; what was
/// taken before changes nothing. The id names its body: with other rows it is
/// refused (`import-id-reused`), before the first acknowledgment with a status,
/// later as the last line. To bring in rows that were rejected, mend them and
/// send them alone, under a new `Import-Id`.
#[utoipa::path(
    post, path = "/v1/catalog:import", tag = "catalog",
    params(
        ("Import-Id" = String, Header, min_length = 1, max_length = 200, example = "delivery-2026-11-20",
         description = "Chosen by the caller, new for each body: visible ASCII characters. Used again only to repeat the same body."),
        ("X-Request-Timeout" = Option<u64>, Header, description = "How long the whole import may take, in milliseconds."),
    ),
    request_body(content = CatalogRow, content_type = "application/x-ndjson", description = "One row per line."),
    responses(
        (status = 200, description = "Acknowledgments, then a summary, or an `error` after which the stream is broken off; one per line.",
         body = ImportLine, content_type = "application/x-ndjson"),
        ImportProblems,
    )
)]
pub(super) async fn import_catalog(
    State(gateway): State<Gateway>,
    ImportId(id): ImportId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_content(&headers, NDJSON)?;
    let place = gateway.0.imports.take(gateway.settings().imports_max);
    let full = || Problem::new(&kinds::TOO_MANY_IMPORTS).retry_after(COME_BACK);
    let place = place.ok_or_else(full)?;
    let mut import = Import {
        id,
        inventory: gateway.inventory().clone(),
        body: body.into_data_stream(),
        piece: Bytes::new(),
        lines: Lines::default(),
        chunk: Chunk::default(),
        last_row: 0,
        tally: Tally::default(),
        has_ended: false,
        _place: place,
    };
    // As long as nothing is acknowledged, what goes wrong has a status.
    let first = import.step().await?;
    let body = Body::from_stream(stream::unfold(Sending::First(first, import), Sending::next));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An import under way: reads a step's lines, sends them, says what became of
/// them. The next lines aren't read before.
struct Import {
    id: String,
    inventory: Inventory,
    body: BodyDataStream,
    /// What has come of the body and isn't looked at yet.
    piece: Bytes,
    lines: Lines,
    chunk: Chunk<CatalogItem>,
    /// Number of the last line that is in a step.
    last_row: u64,
    tally: Tally,
    has_ended: bool,
    _place: Place,
}

/// What a step has to say.
enum Said {
    Acknowledged(Acknowledged),
    Done(Summary),
}

impl Import {
    /// Goes on to the next acknowledgment, or to the end.
    async fn step(&mut self) -> Result<Said, Problem> {
        while !self.has_ended && !self.chunk.is_full() {
            if let Some(line) = self.lines.next(&mut self.piece) {
                self.take(line);
                continue;
            }
            match self.body.next().await {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(body_broke_off(&error)),
                None => {
                    self.has_ended = true;
                    if let Some(line) = self.lines.last() {
                        self.take(line);
                    }
                }
            }
        }
        if self.chunk.lines() == 0 {
            return Ok(Said::Done(self.tally.into()));
        }
        let chunk = self.chunk.take();
        let answer = send(&self.inventory, &self.id, &chunk).await;
        let answer = answer.map_err(|failure| refused(Kind::Write, failure))?;
        Ok(Said::Acknowledged(self.acknowledge(chunk, answer)))
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Text(number, text) => {
                self.last_row = number;
                // A blank line is no row.
                if !text.trim_ascii().is_empty() {
                    let row = row(number, &text).map(|row| (number, row));
                    self.chunk.add(text.len(), row);
                }
            }
            Line::TooLong(number) => {
                self.last_row = number;
                let rejected = Rejected {
                    row: number,
                    field: String::new(),
                    reason: format!("the line has more than {LINE_BYTES_MAX} bytes"),
                };
                self.chunk.add(LINE_BYTES_MAX, Err(rejected));
            }
        }
    }

    fn acknowledge(
        &mut self,
        mut chunk: Chunk<CatalogItem>,
        answer: ImportCatalogResponse,
    ) -> Acknowledged {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let lines = u64::try_from(chunk.lines()).unwrap_or(u64::MAX);
        let unread = u64::try_from(chunk.rejected.len()).unwrap_or(u64::MAX);
        let mut rejected = std::mem::take(&mut chunk.rejected);
        rejected.extend(answer.rejected_rows.into_iter().map(|row| Rejected {
            row: chunk.line_of(row.row),
            field: row.field,
            reason: row.reason,
        }));
        rejected.sort_unstable_by_key(|rejected| rejected.row);
        let step = Tally {
            rows: lines,
            imported: count(answer.imported),
            already_imported: count(answer.already_imported),
            rejected: unread + count(answer.rejected),
        };
        for (outcome, rows) in [
            ("imported", step.imported),
            ("already_imported", step.already_imported),
            ("rejected", step.rejected),
        ] {
            IMPORT_ROWS.with([outcome]).increment(rows);
        }
        let named = self.tally.named(rejected);
        self.tally.add(step);
        Acknowledged::new(step, self.last_row, named)
    }
}

/// Sends a step until it is answered. It has an id of its own, so a repeat
/// takes nothing twice.
async fn send(
    inventory: &Inventory,
    id: &str,
    chunk: &Chunk<CatalogItem>,
) -> Result<ImportCatalogResponse, Failure> {
    if chunk.rows.is_empty() {
        return Ok(ImportCatalogResponse::default());
    }
    let request = ImportCatalogRequest {
        import_id: step_id(id, chunk.number),
        items: chunk.rows.iter().map(|(_, item)| item.clone()).collect(),
    };
    let mut tries = 0;
    loop {
        let failure = match inventory.import(request.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(failure) if !failure.is_transient() => return Err(failure),
            Err(failure) => failure,
        };
        tries += 1;
        let deadline = watertight::current().and_then(|scope| scope.deadline());
        let left = deadline.map_or(Duration::MAX, |by| by.left().unwrap_or_default());
        match retry::wait(tries, failure.retry_after, left) {
            // It ends early only with the request.
            Some(wait) if watertight::pause(wait).await.is_ok() => {}
            Some(_) | None => return Err(failure),
        }
    }
}

/// The answer as it goes out.
enum Sending {
    First(Said, Import),
    Going(Import),
    Broken,
    Over,
}

impl Sending {
    async fn next(self) -> Option<(io::Result<Bytes>, Self)> {
        let (said, import) = match self {
            Self::First(said, import) => (said, import),
            Self::Going(mut import) => match import.step().await {
                Ok(said) => (said, import),
                Err(error) => {
                    let broken = ImportLine::Broken(Broken { error });
                    return Some((line(&broken), Self::Broken));
                }
            },
            Self::Broken => {
                // Less if the request ends before; then it is its last word, too.
                let _over = watertight::pause(LAST_WORD).await;
                let broken = io::Error::other("the import broke off");
                return Some((Err(broken), Self::Over));
            }
            Self::Over => return None,
        };
        Some(match said {
            Said::Acknowledged(step) => {
                (line(&ImportLine::Acknowledged(step)), Self::Going(import))
            }
            Said::Done(summary) => (line(&ImportLine::Done(summary)), Self::Over),
        })
    }
}

fn line(said: &ImportLine) -> io::Result<Bytes> {
    let mut json = serde_json::to_vec(said)?;
    json.push(b'\n');
    Ok(Bytes::from(json))
}
