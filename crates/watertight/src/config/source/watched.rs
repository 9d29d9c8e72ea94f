//! Where settings come from that may change while a process runs.

use super::file;
use futures_util::future::BoxFuture;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often files are looked at. Notifications of the system get lost on
/// network file systems and on the symbolic links of a ConfigMap; reading a
/// page of text every two seconds costs nothing and always works.
pub(in crate::config) const POLL: Duration = Duration::from_secs(2);

/// One TOML document of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What its places are called by: a path, a key.
    pub name: String,
    /// The text, or why it can't be had.
    pub text: Result<String, String>,
}

/// Where settings between the defaults and the environment come from: the
/// files of `--config` and `--environment`, and what
/// [`App::source`](crate::App::source) adds, such as a key-value store that
/// gives its keys as documents and its watch as [`Source::changed`]. Everything
/// else (tables, checks, places in errors, the refusal of a bad change) is above it.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// What it says at this moment, the strongest document last. Called at the
    /// start, then on a thread for nothing else, which may block: the next look
    /// waits for this one.
    fn read(&self) -> Vec<Document>;

    /// Waits until it may say something else than at the last
    /// [`Source::read`]. Must not block. It may wake up for nothing: the same
    /// documents change nothing.
    ///
    /// # Cancel safety
    ///
    /// Must be safe to drop: a change is noticed by the next call.
    fn changed(&self) -> BoxFuture<'_, ()>;
}

/// Settings in TOML files.
#[derive(Debug)]
pub(in crate::config) struct Files {
    /// The strongest last.
    pub(in crate::config) paths: Vec<PathBuf>,
}

impl Source for Files {
    fn read(&self) -> Vec<Document> {
        let document = |path: &PathBuf| Document {
            name: path.display().to_string(),
            text: file::text(path),
        };
        self.paths.iter().map(document).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "whoever waits for it ends it")]
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(POLL))
    }
}

/// Several, the strongest last.
#[derive(Clone, Debug)]
pub(in crate::config) struct Sources(pub(in crate::config) Vec<Arc<dyn Source>>);

impl Source for Sources {
    fn read(&self) -> Vec<Document> {
        self.0.iter().flat_map(|source| source.read()).collect()
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        if self.0.is_empty() {
            return Box::pin(std::future::pending());
        }
        let all = self.0.iter().map(|source| source.changed());
        Box::pin(async move {
            watertight_core::race_all(all).await;
        })
    }
}
