//! From all sources to one set of values: default < file < file of the
//! environment < environment < flags.

use super::mistake::{Mistake, Mistakes, Origin};
use super::settings::{Checks, Entry, Section, Settings, Values};
use super::source::watched::{Document, Files, Source, Sources};
use super::source::{Given, env, file, flags};
use super::value::split;
use super::{ChassisSettings, Fallback, Field};
use crate::ConfigError;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Flags that every service has beside its settings.
const RESERVED: [&str; 5] = ["config", "environment", "check_config", "help", "version"];

/// Where settings come from, apart from files.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) program: &'static str,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    /// What the service adds to the files; stronger than these.
    pub(crate) sources: Vec<Arc<dyn Source>>,
}

/// When settings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Everything is checked.
    Start,
    /// What a reload doesn't touch isn't checked: what has gone bad there must
    /// not stand in the way of the rest.
    Reload,
}

/// Everything that was asked for, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Loaded<C> {
    pub(crate) chassis: ChassisSettings,
    pub(crate) own: C,
    pub(super) values: Values,
    /// What the values between defaults and environment were read from.
    pub(super) source: Sources,
    /// What it said.
    pub(super) documents: Vec<Document>,
    /// `--check-config` was given.
    pub(crate) check: bool,
}

impl Inputs {
    /// The arguments and the environment of this process.
    pub(crate) fn of_process(program: &'static str, args: Vec<OsString>) -> Self {
        Self {
            program,
            args,
            env: std::env::vars_os().collect(),
            sources: Vec::new(),
        }
    }

    /// Reads, merges and checks everything, for the first time.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Help`], or [`ConfigError::Invalid`] with all that is wrong.
    pub(crate) fn load<C: Settings>(&self) -> Result<Loaded<C>, ConfigError> {
        self.load_from(None)
    }

    /// The same from given documents, for a reload, instead of those of the
    /// source that flags or environment name.
    ///
    /// # Errors
    ///
    /// As [`Inputs::load`].
    pub(super) fn load_from<C: Settings>(
        &self,
        documents: Option<Vec<Document>>,
    ) -> Result<Loaded<C>, ConfigError> {
        let sections: Vec<_> = [ChassisSettings::SECTION, C::SECTION]
            .into_iter()
            .filter(|section| !section.fields.is_empty())
            .collect();
        // First of all: clap panics at two flags of one name.
        let mut mistakes = declared_wrongly(&sections);
        if !mistakes.is_empty() {
            return Err(ConfigError::Invalid(Mistakes::new(mistakes)));
        }
        let flags = flags::read(self.program, &sections, &self.args, &mut mistakes)
            .map_err(ConfigError::Help)?;
        let files = self.files(&flags, &mut mistakes);
        let source = self.source(files);
        let time = documents.as_ref().map_or(Time::Start, |_| Time::Reload);
        let documents = documents.unwrap_or_else(|| source.read());
        let mut given = Vec::new();
        for document in &documents {
            given.extend(file::read(document, &sections, &mut mistakes));
        }
        given.extend(env::read(&sections, &self.env, &mut mistakes));
        given.extend(flags.given);
        let (values, (chassis, own)) = finish(merge(&sections, given, mistakes), time)?;
        Ok(Loaded {
            chassis,
            own,
            values,
            source,
            documents,
            check: flags.check,
        })
    }

    /// One of the chassis' settings before the rest is read: logs and threads
    /// are there before a service says what settings it has. What is wrong is
    /// left for [`Inputs::load`] to report.
    pub(crate) fn peek(&self, key: &str) -> Option<String> {
        let name = ChassisSettings::SECTION.name;
        let flag = |key: &str| flags::peek(&self.args, &key.replace('_', "-"));
        let var = |key: &str| {
            env::get(&self.env, &format!("{name}_{key}").to_uppercase()).map(str::to_owned)
        };
        let direct = |key: &str| flag(key).or_else(|| var(key));
        direct(key).or_else(|| {
            let base = PathBuf::from(direct("config")?);
            let special = direct("environment").and_then(|env| file::of_environment(&base, &env));
            let of = |path: &PathBuf| file::peek(path, name, key);
            special.as_ref().and_then(of).or_else(|| of(&base))
        })
    }

    /// The files, if there are any, then what the service adds.
    fn source(&self, paths: Vec<PathBuf>) -> Sources {
        let files: Option<Arc<dyn Source>> =
            (!paths.is_empty()).then(|| Arc::new(Files { paths }) as Arc<dyn Source>);
        Sources(files.into_iter().chain(self.sources.clone()).collect())
    }

    fn files(&self, flags: &flags::Flags, mistakes: &mut Vec<Mistake>) -> Vec<PathBuf> {
        let base = flags.file.clone();
        let base = base.or_else(|| env::get(&self.env, env::CONFIG).map(PathBuf::from));
        let (environment, origin) = match &flags.environment {
            Some(name) => (
                Some(name.as_str()),
                Origin::Flag("--environment".to_owned()),
            ),
            None => (
                env::get(&self.env, env::ENVIRONMENT),
                Origin::Env(env::ENVIRONMENT.to_owned()),
            ),
        };
        let Some(environment) = environment else {
            return base.into_iter().collect();
        };
        let what = if !file::is_environment(environment) {
            "may have letters, digits, - and _ alone"
        } else if base.is_none() {
            "needs a file that it belongs to: --config or WATERTIGHT_CONFIG"
        } else {
            let special = base
                .as_deref()
                .and_then(|base| file::of_environment(base, environment));
            return base.into_iter().chain(special).collect();
        };
        mistakes.push(Mistake::at(origin, what));
        base.into_iter().collect()
    }
}

/// Builds and checks the structs, so that one error names all that is wrong.
pub(super) fn finish<C: Settings>(
    mut values: Values,
    time: Time,
) -> Result<(Values, (ChassisSettings, C)), ConfigError> {
    let (chassis, own) = (ChassisSettings::build(&mut values), C::build(&mut values));
    if let Some(chassis) = &chassis {
        let mut checks = Checks::new(ChassisSettings::SECTION.name, &mut values);
        chassis.check(&mut checks);
        if time == Time::Start {
            chassis.check_certificates(&mut checks);
        }
    }
    if let Some(own) = &own {
        own.check(&mut Checks::new(C::SECTION.name, &mut values));
    }
    let mistakes = std::mem::take(&mut values.mistakes);
    match (chassis, own) {
        (Some(chassis), Some(own)) if mistakes.is_empty() => Ok((values, (chassis, own))),
        _ => Err(ConfigError::Invalid(Mistakes::new(mistakes))),
    }
}

/// What no service should have been built with.
fn declared_wrongly(sections: &[Section]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut keys = BTreeMap::new();
    for section in sections {
        for field in section.fields {
            let mut wrong = |what: String| {
                mistakes.push(Mistake::of(Origin::Default, section.name, field.key, what));
            };
            if RESERVED.contains(&field.key) {
                wrong("has the name of a flag that every service has".to_owned());
            }
            if let Some(other) = keys.insert(field.key, section.name) {
                wrong(format!("has the flag of a setting of [{other}]"));
            }
            if env::is_from_kubernetes(&field.env(section.name)) {
                wrong("would be set by Kubernetes, which has variables of that name".to_owned());
            }
        }
    }
    mistakes
}

/// Checks each value, also one that another place overrides, and takes for
/// each setting what the last place says.
fn merge(sections: &[Section], given: Vec<Given>, mut mistakes: Vec<Mistake>) -> Values {
    let mut entries = BTreeMap::new();
    for one in given {
        let key = (one.section, one.field.key);
        entries.insert(key, checked(one, &mut mistakes));
    }
    for section in sections {
        for field in section.fields {
            entries
                .entry((section.name, field.key))
                .or_insert_with(|| unset(section.name, field, &mut mistakes));
        }
    }
    Values { entries, mistakes }
}

fn checked(given: Given, mistakes: &mut Vec<Mistake>) -> Entry {
    let Given {
        section,
        field,
        parts,
        origin,
    } = given;
    let shown = field.accept(&parts).map_err(|what| {
        mistakes.push(Mistake::of(origin.clone(), section, field.key, what));
    });
    Entry {
        field,
        parts: Some(parts),
        shown: shown.ok(),
        origin,
    }
}

/// What holds for a setting that no place names.
fn unset(section: &'static str, field: &'static Field, mistakes: &mut Vec<Mistake>) -> Entry {
    let parts = match field.fallback {
        Fallback::Default(text) if field.kind.many => split(text),
        Fallback::Default(text) => vec![text.to_owned()],
        Fallback::Required | Fallback::Optional => {
            let required = field.fallback == Fallback::Required;
            if required {
                mistakes.push(missing(section, field));
            }
            return Entry {
                field,
                parts: None,
                shown: (!required).then(String::new),
                origin: Origin::Unset,
            };
        }
    };
    let origin = Origin::Default;
    checked(
        Given {
            section,
            field,
            parts,
            origin,
        },
        mistakes,
    )
}

fn missing(section: &str, field: &Field) -> Mistake {
    let (flag, env) = (field.flag(), field.env(section));
    let ways = if field.secret {
        env
    } else {
        format!("--{flag}, {env} or in a file")
    };
    let what = format!("is missing: set it as {ways}");
    Mistake::of(Origin::Unset, section, field.key, what)
}
