//! The configuration of a running process, and reading it again.

use super::load::{Loaded, Time, finish};
use super::settings::{Entry, Settings, Values};
use super::source::watched::{Document, POLL, Sources};
use super::{ChassisSettings, Effective, Inputs, Live, Source};
use crate::ConfigError;
use crate::admin::{LiveToken, Token};
use crate::series::{CONFIG_LAST_RELOAD_OK, CONFIG_RELOADS};
use arc_swap::ArcSwap;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use watertight_core::Deadline;

/// A reload may take the token away, by mistake too.
const NO_TOKEN: &str =
    "there is no admin token any more: every caller on this machine may see the configuration";

/// What a process runs with.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) chassis: Live<ChassisSettings>,
    /// A `Live<C>` of the service's own settings.
    own: Arc<dyn Any + Send + Sync>,
    pub(crate) reloader: Arc<Reloader>,
    /// The service's own; one without settings doesn't tell.
    pub(crate) version: Option<&'static str>,
}

impl Configured {
    /// Reads everything for the first time.
    ///
    /// # Errors
    ///
    /// See [`Inputs::load`]; [`ConfigError::Checked`] if that was all that was asked for.
    pub(crate) fn new<C: Settings>(inputs: &Inputs) -> Result<(Self, Live<C>), ConfigError> {
        let loaded = inputs.load::<C>()?;
        let effective = Effective::of(&loaded.values);
        if loaded.check {
            return Err(ConfigError::Checked(effective.to_string()));
        }
        let Loaded {
            chassis,
            own,
            values,
            source,
            documents,
            check: _,
        } = loaded;
        chassis.warn_of_open_files();
        let (chassis, own) = (Live::fixed(chassis), Live::fixed(own));
        let process = Process {
            inputs: inputs.clone(),
            chassis: chassis.clone(),
            own: own.clone(),
            running: Mutex::new(values),
        };
        CONFIG_LAST_RELOAD_OK.get().set(1.0);
        let reloader = Reloader {
            source,
            token: LiveToken::default(),
            seen: Mutex::new(Seen {
                documents,
                refused: None,
            }),
            again: Box::new(move |documents| process.reload(documents)),
            chassis: chassis.clone(),
            then: Mutex::default(),
            state: ArcSwap::from_pointee(State {
                effective,
                restart: Vec::new(),
                refused: false,
            }),
        };
        reloader.take_over_token();
        let configured = Self {
            chassis,
            own: Arc::new(own.clone()),
            reloader: Arc::new(reloader),
            version: (!C::SECTION.name.is_empty()).then_some(C::SECTION.version),
        };
        Ok((configured, own))
    }

    /// The service's own settings, if `C` is what they were read as.
    pub(crate) fn own<C: Settings>(&self) -> Option<Live<C>> {
        self.own.downcast_ref::<Live<C>>().cloned()
    }
}

/// Reads the sources again when they change, or when it is told to.
pub(crate) struct Reloader {
    source: Sources,
    /// The admin token: what its file says may change by itself.
    token: LiveToken,
    /// The lock also keeps reloads apart.
    seen: Mutex<Seen>,
    again: Box<dyn Fn(Vec<Document>) -> Result<Reloaded, ConfigError> + Send + Sync>,
    chassis: Live<ChassisSettings>,
    then: Mutex<Vec<Then>>,
    state: ArcSwap<State>,
}

type Then = Box<dyn Fn(&ChassisSettings) + Send + Sync>;

/// Why there is a look at the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// They may say something else.
    Change,
    /// Somebody asked for a reload, changed or not.
    Hangup,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Hangup => "SIGHUP",
        }
    }
}

/// What the last look found.
#[derive(Debug)]
struct Seen {
    documents: Vec<Document>,
    /// Why it was refused. Then each look tries again, as what was wrong may
    /// lie outside of the documents; the same refusal is told once.
    refused: Option<String>,
}

/// What `/config` tells.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) effective: Effective,
    /// Settings that have changed and need a restart.
    pub(crate) restart: Vec<String>,
    /// The last reload was refused.
    pub(crate) refused: bool,
}

/// What a reload came to.
#[derive(Clone, Debug)]
struct Reloaded {
    effective: Effective,
    changed: Vec<String>,
    restart: Vec<String>,
}

impl Reloader {
    /// Waits until the sources may say something else. Reads nothing.
    ///
    /// # Cancel safety
    ///
    /// Safe, see [`Source::changed`].
    pub(crate) async fn changed(&self) {
        if self.chassis.load().admin_token_file.is_none() {
            return self.source.changed().await;
        }
        // The file of the token is none of the source's, and is looked at now and then.
        let _either = Deadline::after(POLL).run(self.source.changed()).await;
    }

    /// Reads everything again, if it says something else than before or
    /// somebody asked for it. What is wrong with any of it refuses all of it:
    /// the running values stay, and every mistake is logged.
    ///
    /// Blocks for as long as files take to be read.
    pub(crate) fn look(&self, why: Why) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = self.source.read();
        let new = documents != seen.documents || self.token_changed();
        if why == Why::Change && !new && seen.refused.is_none() {
            return;
        }
        seen.documents.clone_from(&documents);
        let result = match (self.again)(documents) {
            Ok(reloaded) => {
                seen.refused = None;
                self.accept(why, reloaded);
                "ok"
            }
            Err(error) => {
                let told = seen.refused.replace(error.to_string());
                if why == Why::Change && told == seen.refused {
                    return;
                }
                self.refuse(why, &error);
                "refused"
            }
        };
        CONFIG_RELOADS.with([result]).increment(1);
        let ok = if result == "ok" { 1.0 } else { 0.0 };
        CONFIG_LAST_RELOAD_OK.get().set(ok);
    }

    /// The admin token that holds.
    pub(crate) fn token(&self) -> LiveToken {
        Arc::clone(&self.token)
    }

    /// Compared with what is in use: nothing that happens to the file between
    /// two looks is missed. A file that can't be used is a change too.
    fn token_changed(&self) -> bool {
        match Token::of(&self.chassis.load()) {
            Ok(token) => token.as_ref() != self.token.load().as_deref(),
            Err(_) => true,
        }
    }

    fn take_over_token(&self) {
        match Token::of(&self.chassis.load()) {
            Ok(token) => {
                let none = token.is_none();
                if self.token.swap(token.map(Arc::new)).is_some() && none {
                    let setting = "[watertight] admin_token_file";
                    tracing::warn!(setting, "{NO_TOKEN}");
                }
            }
            // It was there a moment ago, when the settings were checked.
            Err(why) => tracing::error!(why, "the admin token stays as it was"),
        }
    }

    /// Has a part of the chassis take over the settings, now and after each reload.
    pub(crate) fn now_and_then(
        &self,
        take_over: impl Fn(&ChassisSettings) + Send + Sync + 'static,
    ) {
        // Under the lock: a reload is either before both or after both.
        let mut then = self.then.lock().unwrap_or_else(PoisonError::into_inner);
        take_over(&self.chassis.load());
        then.push(Box::new(take_over));
    }

    /// The configuration as it holds now.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    fn accept(&self, why: Why, reloaded: Reloaded) {
        let Reloaded {
            effective,
            changed,
            restart,
        } = reloaded;
        let why = why.name();
        tracing::info!(why, changed = changed.join(", "), "configuration reloaded");
        if !restart.is_empty() {
            let settings = restart.join(", ");
            tracing::warn!(settings, "changed, but these need a restart");
        }
        self.state.store(Arc::new(State {
            effective,
            restart,
            refused: false,
        }));
        self.take_over_token();
        let then = self.then.lock().unwrap_or_else(PoisonError::into_inner);
        then.iter().for_each(|then| then(&self.chassis.load()));
    }

    fn refuse(&self, why: Why, error: &ConfigError) {
        let why = why.name();
        match error {
            ConfigError::Invalid(mistakes) => {
                for mistake in mistakes.iter() {
                    tracing::error!(why, %mistake, "reload refused, the old configuration stays");
                }
            }
            ConfigError::Help(_) | ConfigError::Checked(_) | ConfigError::Url { .. } => {
                tracing::error!(why, %error, "reload refused, the old configuration stays");
            }
        }
        let state = self.state.load_full();
        self.state.store(Arc::new(State {
            refused: true,
            ..State::clone(&state)
        }));
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// What a reload needs to know.
struct Process<C> {
    inputs: Inputs,
    chassis: Live<ChassisSettings>,
    own: Live<C>,
    /// What the process runs with.
    running: Mutex<Values>,
}

impl<C: Settings> Process<C> {
    fn reload(&self, documents: Vec<Document>) -> Result<Reloaded, ConfigError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let new = self.inputs.load_from::<C>(Some(documents))?;
        let Mix {
            values,
            changed,
            restart,
        } = mix(&running, new.values);
        // What is new may not go together with what needs a restart.
        let (values, (chassis, own)) = finish::<C>(values, Time::Reload)?;
        self.chassis.store(chassis);
        self.own.store(own);
        let effective = Effective::of(&values);
        *running = values;
        Ok(Reloaded {
            effective,
            changed,
            restart,
        })
    }
}

/// New values where they may change, the running ones elsewhere.
struct Mix {
    values: Values,
    changed: Vec<String>,
    restart: Vec<String>,
}

fn mix(running: &Values, mut new: Values) -> Mix {
    let (mut changed, mut restart) = (Vec::new(), Vec::new());
    for ((section, key), entry) in &mut new.entries {
        let Some(old) = running.entries.get(&(*section, *key)) else {
            continue;
        };
        if same(entry, old) {
            continue;
        }
        let name = format!("[{section}] {key}");
        if entry.field.live {
            changed.push(name);
        } else {
            restart.push(name);
            *entry = old.clone();
        }
    }
    Mix {
        values: new,
        changed,
        restart,
    }
}

/// Whether both are the same value, however it was written.
fn same(new: &Entry, old: &Entry) -> bool {
    if new.field.secret {
        return new.parts == old.parts;
    }
    // Lists are shown with commas, which their items may have, too.
    let items = |entry: &Entry| {
        let parts = entry.parts.iter().flatten();
        let item = |part: &String| new.field.accept(std::slice::from_ref(part));
        parts.map(item).collect::<Vec<_>>()
    };
    let alike = !new.field.kind.many || items(new) == items(old);
    alike && new.shown == old.shown && new.parts.is_some() == old.parts.is_some()
}

#[cfg(test)]
mod tests;
