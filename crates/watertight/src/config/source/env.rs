//! Settings from the environment.

use super::Given;
use crate::config::Section;
use crate::config::mistake::{Mistake, Origin};
use crate::config::near;
use crate::config::value::split;
use std::ffi::{OsStr, OsString};

/// Names the file.
pub(in crate::config) const CONFIG: &str = "WATERTIGHT_CONFIG";
/// Names the environment whose file comes on top of it.
pub(in crate::config) const ENVIRONMENT: &str = "WATERTIGHT_ENVIRONMENT";

/// The variables that are settings of these sections. Others with our
/// prefixes are mistakes, except those that Kubernetes injects.
pub(in crate::config) fn read(
    sections: &[Section],
    vars: &[(OsString, OsString)],
    mistakes: &mut Vec<Mistake>,
) -> Vec<Given> {
    let known: Vec<_> = sections
        .iter()
        .flat_map(|section| section.fields.iter().map(move |field| (section, field)))
        .map(|(section, field)| (field.env(section.name), section, field))
        .collect();
    let mut given = Vec::new();
    for (name, value) in vars {
        let Some(name) = name.to_str() else { continue };
        let origin = Origin::Env(name.to_owned());
        let Some((_, section, field)) = known.iter().find(|(known, ..)| known == name) else {
            if is_ours(name, sections) {
                let names = known.iter().map(|(name, ..)| name.as_str());
                let hint = near::hint(name, names.chain([CONFIG, ENVIRONMENT]));
                mistakes.push(Mistake::at(origin, format!("is not a setting{hint}")));
            }
            continue;
        };
        let Some(value) = value.to_str() else {
            mistakes.push(Mistake::at(origin, "is not UTF-8"));
            continue;
        };
        let parts = if field.kind.many {
            split(value)
        } else {
            vec![value.to_owned()]
        };
        given.push(Given {
            section: section.name,
            field,
            parts,
            origin,
        });
    }
    given
}

/// The value of one variable, if it is text.
pub(in crate::config) fn get<'a>(vars: &'a [(OsString, OsString)], name: &str) -> Option<&'a str> {
    let var = vars.iter().find(|(key, _)| key == name);
    var.and_then(|(_, value)| OsStr::to_str(value))
        .filter(|value| !value.is_empty())
}

fn is_ours(name: &str, sections: &[Section]) -> bool {
    let prefixed = |section: &Section| {
        let prefix = section.name.to_uppercase();
        !prefix.is_empty()
            && name
                .strip_prefix(&prefix)
                .is_some_and(|rest| rest.starts_with('_'))
    };
    sections.iter().any(prefixed)
        && !matches!(name, CONFIG | ENVIRONMENT)
        && !is_from_kubernetes(name)
}

/// Kubernetes tells each container of every Service in its namespace, in
/// variables that begin with the Service's name: `ORDERS_SERVICE_HOST`,
/// `ORDERS_SERVICE_PORT_GRPC`, `ORDERS_PORT_8080_TCP_ADDR`.
pub(in crate::config) fn is_from_kubernetes(name: &str) -> bool {
    let port = |rest: &str| {
        let (number, rest) = rest.split_once('_').unwrap_or((rest, ""));
        let protocol = rest.split('_').next().unwrap_or_default();
        number.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT")
        || name
            .match_indices("_PORT_")
            .any(|(at, found)| port(&name[at + found.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_injects_is_told_from_mistakes() {
        for injected in [
            "ORDERS_SERVICE_HOST",
            "ORDERS_SERVICE_PORT",
            "ORDERS_SERVICE_PORT_GRPC",
            "ORDERS_PORT",
            "ORDERS_PORT_8080_TCP",
            "ORDERS_PORT_8080_TCP_PROTO",
            "ORDERS_PORT_8080_TCP_ADDR",
            "ORDERS_HEADLESS_PORT_53_UDP_PORT",
        ] {
            assert!(is_from_kubernetes(injected), "{injected}");
        }
        for mistake in [
            "ORDERS_PORTS",
            "ORDERS_PORT_X_TCP",
            "ORDERS_PORT_99999_TCP",
            "ORDERS_SERVICE",
        ] {
            assert!(!is_from_kubernetes(mistake), "{mistake}");
        }
    }
}
