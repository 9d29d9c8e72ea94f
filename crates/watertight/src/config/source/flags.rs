//! Settings from the command line, read with clap.

use super::Given;
use crate::config::mistake::{Mistake, Origin};
use crate::config::{Fallback, Field, Section, near};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;
use std::path::PathBuf;

/// The heading of the flags about the configuration itself.
const HEADING: &str = "Configuration";

/// What the command line says.
#[derive(Debug, Default)]
pub(in crate::config) struct Flags {
    pub(in crate::config) given: Vec<Given>,
    pub(in crate::config) file: Option<PathBuf>,
    pub(in crate::config) environment: Option<String>,
    pub(in crate::config) check: bool,
}

/// Reads the command line. Clap stops at the first error, so what it objects
/// to is noted and taken out until it has none left.
///
/// # Errors
///
/// The text of `--help` or `--version`, if that was asked for.
pub(in crate::config) fn read(
    name: &'static str,
    sections: &[Section],
    args: &[OsString],
    mistakes: &mut Vec<Mistake>,
) -> Result<Flags, String> {
    let mut args = args.to_vec();
    loop {
        match command(name, sections).try_get_matches_from(&args) {
            Ok(matches) => return Ok(flags(&matches, sections, mistakes)),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
                ) =>
            {
                return Err(error.render().to_string());
            }
            Err(error) => {
                let mistake = mistake(&error, sections);
                let Origin::Flag(flag) = &mistake.0 else {
                    return Ok(Flags::default());
                };
                let shorter = without(&args, flag);
                mistakes.push(Mistake::at(mistake.0, mistake.1));
                if shorter.len() >= args.len() {
                    return Ok(Flags::default());
                }
                args = shorter;
            }
        }
    }
}

/// The value of a flag before the command line is checked.
pub(in crate::config) fn peek(args: &[OsString], flag: &str) -> Option<String> {
    let long = format!("--{flag}");
    let with_value = format!("{long}=");
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        if arg == long {
            return args.next().map(str::to_owned);
        }
        if let Some(value) = arg.strip_prefix(&with_value) {
            return Some(value.to_owned());
        }
    }
    None
}

fn command(name: &'static str, sections: &[Section]) -> Command {
    let heading = |arg: Arg| arg.help_heading(HEADING);
    // The service's own section is the last one.
    let version = sections.last().map_or("", |section| section.version);
    let mut command = Command::new(name)
        .version(version)
        .arg(heading(
            Arg::new("config").long("config").value_name("FILE").action(ArgAction::Append).help(
                "Settings from a TOML file; the environment and flags win over it [env: WATERTIGHT_CONFIG]",
            ),
        ))
        .arg(heading(
            Arg::new("environment").long("environment").value_name("NAME").action(ArgAction::Append).help(
                "Settings from a second file on top, FILE with .NAME before its extension [env: WATERTIGHT_ENVIRONMENT]",
            ),
        ))
        .arg(heading(
            Arg::new("check-config").long("check-config").action(ArgAction::SetTrue).help(
                "Check all settings, print them with their origin and end: 0 if they are good, 2 if not",
            ),
        ));
    for section in sections {
        for field in section.fields.iter().filter(|field| !field.secret) {
            command = command.arg(arg(section, field));
        }
    }
    command
}

fn arg(section: &Section, field: &'static Field) -> Arg {
    let mut help = field.doc.trim().trim_end_matches('.').replace("\n ", " ");
    if let Some((least, greatest)) = field.range {
        help.push_str(&format!(", {least} to {greatest}"));
    }
    match field.fallback {
        Fallback::Default(text) => help.push_str(&format!(" [default: {text}]")),
        Fallback::Required => help.push_str(" [required]"),
        Fallback::Optional => {}
    }
    help.push_str(&format!(" [env: {}]", field.env(section.name)));
    Arg::new(field.key)
        .long(field.flag())
        .value_name(field.kind.name)
        .action(ArgAction::Append)
        // A value may begin with a dash: the table says whether it is a good one.
        .allow_hyphen_values(false)
        .hide(field.hidden)
        .help(help)
        .help_heading(title(section.name))
}

/// The section's name as a heading.
fn title(section: &str) -> String {
    let mut chars = section.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn flags(matches: &ArgMatches, sections: &[Section], mistakes: &mut Vec<Mistake>) -> Flags {
    let mut flags = Flags {
        check: matches.get_flag("check-config"),
        ..Flags::default()
    };
    for section in sections {
        for field in section.fields.iter().filter(|field| !field.secret) {
            let Some(values) = matches.get_many::<String>(field.key) else {
                continue;
            };
            flags.given.push(Given {
                section: section.name,
                field,
                parts: values.cloned().collect(),
                origin: Origin::Flag(format!("--{}", field.flag())),
            });
        }
    }
    let mut single = |id: &str| {
        let mut values = matches.get_many::<String>(id)?;
        if values.len() > 1 {
            let origin = Origin::Flag(format!("--{id}"));
            mistakes.push(Mistake::at(
                origin,
                format!("is given {} times", values.len()),
            ));
        }
        values.next().cloned()
    };
    flags.file = single("config").map(PathBuf::from);
    flags.environment = single("environment");
    flags
}

/// Clap's error in our words; without values, which may be secrets.
fn mistake(error: &clap::Error, sections: &[Section]) -> (Origin, String) {
    let named = error.get(ContextKind::InvalidArg).and_then(|value| {
        #[expect(clippy::wildcard_enum_match_arm, reason = "clap adds kinds of context")]
        match value {
            ContextValue::String(text) => Some(text.clone()),
            ContextValue::Strings(texts) => texts.first().cloned(),
            _ => None,
        }
    });
    let Some(named) = named else {
        return (
            Origin::Flag("command line".to_owned()),
            error.kind().to_string(),
        );
    };
    // `--saga-try <DURATION>` for a known one.
    let flag = named
        .split([' ', '='])
        .next()
        .unwrap_or_default()
        .to_owned();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest says enough by itself"
    )]
    let what = match error.kind() {
        ErrorKind::UnknownArgument => {
            let fields = sections.iter().flat_map(|section| section.fields);
            let known = fields.filter(|field| !field.hidden && !field.secret);
            let mut known: Vec<_> = known.map(|field| format!("--{}", field.flag())).collect();
            known.extend(["--config", "--environment", "--check-config"].map(str::to_owned));
            let hint = near::hint(&flag, known.iter().map(String::as_str));
            format!("is not a flag of this service{hint}")
        }
        ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::TooFewValues => {
            "needs a value".to_owned()
        }
        ErrorKind::InvalidUtf8 => "is not UTF-8".to_owned(),
        kind => kind.to_string(),
    };
    (Origin::Flag(flag), what)
}

/// The command line without one flag and the values behind it.
fn without(args: &[OsString], flag: &str) -> Vec<OsString> {
    let is_it = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| {
            arg.strip_prefix(flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    let Some(at) = args.iter().skip(1).position(is_it).map(|at| at + 1) else {
        return args.to_vec();
    };
    let is_value = |arg: &&OsString| !arg.to_string_lossy().starts_with('-');
    let values = args[at + 1..].iter().take_while(is_value).count();
    [&args[..at], &args[at + 1 + values..]].concat()
}
