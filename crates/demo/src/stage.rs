//! A shop that runs, with a checker beside it: what the demo, the check of a
//! stopped shop, the soak and the bench have in common.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;
use watertight_core::Scope;

use crate::{
    check::{Book, CallError, Entry, Findings, Invariant, Journal, JournalError},
    console::Console,
    load::{Keeper, Session},
    settle::{Settled, settle},
    shop::{self, Shop},
    supervise::{DataDir, DirError, Plan, PortError, Ports, StartError, Supervisor, Tuning},
};

/// Why a command of the demo came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("a client can't be made")]
    Client(#[from] tonic::transport::Error),
    #[error("the catalogue can't be imported: {0}")]
    Import(CallError),
    #[error("the shop can't be verified: {0}")]
    Verify(CallError),
    #[error("the object can't be written to stdout")]
    Stdout(#[source] std::io::Error),
    #[error("{0} can't be written")]
    Output(PathBuf, #[source] std::io::Error),
    #[error("signals can't be received")]
    Signals(#[source] std::io::Error),
    #[error("the screen has no thread")]
    Screen(#[source] std::io::Error),
    #[error("interrupted before the verification was over")]
    Interrupted,
    #[error("{0}")]
    Usage(String),
}

/// How a stage is set.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) console: Console,
    pub(crate) dir: DataDir,
    pub(crate) ports: Ports,
    pub(crate) tuning: Tuning,
    /// Whether the checker's memory is kept on disk.
    pub(crate) journal: bool,
    /// Sets of connections.
    pub(crate) connections: usize,
    /// How long a call may take.
    pub(crate) call_max: Duration,
    pub(crate) seed: u64,
}

/// A running shop and its checker.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) scope: Scope,
    pub(crate) supervisor: Supervisor,
    pub(crate) session: Arc<Session>,
    /// From the start of the first process until all were ready.
    pub(crate) ready: Duration,
    pub(crate) console: Console,
}

/// What a verification says.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) findings: Findings,
    pub(crate) settled: Settled,
}

impl Stage {
    /// Starts the processes, waits until they are ready, connects.
    ///
    /// # Errors
    ///
    /// [`DemoError`]; the processes are stopped again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the processes end.
    pub(crate) async fn open(setting: Setting) -> Result<Self, DemoError> {
        let (journal, book) = match setting.journal {
            true => {
                let (journal, book) = Journal::open(&setting.dir.journal())?;
                (Some(journal), book)
            }
            false => (None, Book::default()),
        };
        let keeper = Keeper::begin(journal, book, setting.seed).await?;
        let scope = Scope::root("demo");
        let Setting {
            console,
            dir,
            ports,
            tuning,
            ..
        } = setting;
        let start = Instant::now();
        let supervisor = Supervisor::start(&scope, Plan { dir, ports, tuning }, &console);
        if let Err(error) = supervisor.ready().await {
            supervisor.plan().dir.keep();
            supervisor.stop().await;
            return Err(error.into());
        }
        let ready = start.elapsed();
        let at = supervisor.plan().addresses();
        let shops = (0..setting.connections.max(1))
            .map(|_| Shop::new(&scope, &at, setting.call_max))
            .collect::<Result<Vec<_>, _>>()?;
        let session = Arc::new(Session::new(shops, keeper));
        Ok(Self {
            scope,
            supervisor,
            session,
            ready,
            console,
        })
    }

    /// Imports the catalogue; a shop that has it doesn't change.
    ///
    /// # Errors
    ///
    /// [`DemoError::Import`] or [`DemoError::Journal`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be repeated.
    pub(crate) async fn seed(&self) -> Result<(), DemoError> {
        let items = crate::catalog::ARTICLES.iter();
        let items = items
            .map(|article| (article.sku.to_owned(), article.quantity()))
            .collect();
        let keeper = &self.session.keeper;
        keeper.note(&[Entry::Catalog { items }]).await?;
        shop::import_catalog(self.session.shop())
            .await
            .map_err(DemoError::Import)?;
        Ok(keeper.seeded().await?)
    }

    /// Waits until everything is settled, at most a minute after `since`, and
    /// checks all invariants from outside.
    ///
    /// # Errors
    ///
    /// [`DemoError::Verify`] if the shop can't be read, [`DemoError::Journal`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be repeated.
    pub(crate) async fn verify(&self, since: Instant) -> Result<Verified, DemoError> {
        let settled = settle(&self.session, since).await;
        if let Some(error) = self.session.take_broken() {
            return Err(error.into());
        }
        let book = std::mem::take(&mut *self.session.keeper.book());
        let audited = shop::audit(self.session.shop(), &book).await;
        *self.session.keeper.book() = book;
        let mut findings = audited.map_err(DemoError::Verify)?;
        findings.merge(self.session.keeper.findings().clone());
        if !findings.is_ok() {
            let dir = &self.supervisor.plan().dir;
            dir.keep();
            self.console
                .warn(format_args!("the data is kept in {}", dir.path().display()));
        }
        Ok(Verified { findings, settled })
    }

    /// Stops the processes; one that had to be killed is a finding.
    ///
    /// # Errors
    ///
    /// [`DemoError::Journal`] if the journal's end couldn't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the processes that are left are killed.
    pub(crate) async fn close(self) -> Result<Findings, DemoError> {
        let mut findings = Findings::default();
        for service in self.supervisor.stop().await {
            let what = format!("{} didn't end by itself and was killed", service.name());
            self.console.warn(&what);
            findings.add(Invariant::Straggler, what);
        }
        let closed = self.session.keeper.close().await;
        for straggler in self.scope.close(Duration::from_secs(1)).await.iter() {
            self.console
                .warn(format_args!("a task of the demo is left: {straggler:?}"));
        }
        closed?;
        Ok(findings)
    }

    /// Waits until a process stays down.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn gave_up(&self) {
        self.supervisor.gave_up().await;
    }

    /// Which process stays down, and why.
    pub(crate) fn why_gave_up(&self) -> DemoError {
        let why = self.supervisor.given_up();
        let (name, why) = why.map_or(("a service", String::new()), |(s, why)| (s.name(), why));
        DemoError::Usage(format!("{name} {why}"))
    }

    /// Resident MiB by process.
    pub(crate) fn rss_mib(&self) -> BTreeMap<&'static str, Option<f64>> {
        let mib = |bytes: u64| (bytes as f64 / 1_048_576.0 * 10.0).round() / 10.0;
        let rss = self.supervisor.rss_bytes().into_iter();
        rss.map(|(name, bytes)| (name, bytes.map(mib))).collect()
    }
}
