//! `demo configuration`: the reference of all settings, from the types that read them.

use watertight::config::{ChassisSettings, Section, Settings, reference};

/// What stands above the tables.
const INTRODUCTION: &str = "# Configuration

<!-- Written by `cargo xtask docs` from the types that read the settings. Change it there. -->

Each setting has one name in three forms: `saga_try` under `[orders]` in a TOML file, `ORDERS_SAGA_TRY` in the environment,
`--saga-try` on the command line. What wins, from weak to strong:

1. the default;
2. the file of `--config FILE` or `WATERTIGHT_CONFIG`;
3. the file of `--environment NAME` or `WATERTIGHT_ENVIRONMENT`: `orders.toml` → `orders.NAME.toml`, which must be there;
4. the environment;
5. flags.

Unknown names and bad values are refused wherever they stand, also where something stronger overrides them, and all of them
are told at once with file and line, variable or flag. In the environment, names that begin with a section's name must be
settings, except those that Kubernetes injects. `--check-config` checks everything, prints what holds and why, and ends with
0 or 2. The same is logged at the start, and `/config` on the admin port shows it; secrets only as set or not.

Values: durations and sizes need a unit (`ms`, `s`, `m`, `h`, `d`; `B`, `KiB`, `MiB`, `GiB`). A list is an array in a file,
has commas in the environment, and is a flag given several times. In a file, numbers and `true` or `false` go without quotes,
everything else with them. Empty text in a stronger place takes back an optional value of a weaker one.

↻ marks what changes without a restart: on SIGHUP, and within seconds after a file says something else. A reload is taken as a
whole or refused as a whole (`config_reloads_total`, `config_last_reload_ok`); what would need a restart is named in the log.
Limits of the server then hold for new connections and new requests.
";

/// Every struct of settings, the chassis' first.
fn sections() -> [Section; 7] {
    [
        ChassisSettings::SECTION,
        gateway::Cfg::SECTION,
        orders::Cfg::SECTION,
        inventory::Cfg::SECTION,
        payments::Cfg::SECTION,
        provider::Cfg::SECTION,
        crate::outside::Cfg::SECTION,
    ]
}

/// The reference as Markdown.
pub(crate) fn text() -> String {
    format!("{INTRODUCTION}{}", reference(&sections()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_reference_is_what_the_types_say() {
        let written = include_str!("../../../docs/configuration.md");
        assert!(
            written == text(),
            "docs/configuration.md is out of date: run `cargo xtask docs`"
        );
    }

    #[test]
    fn every_setting_says_what_breaks_and_what_shows_it() {
        let open: Vec<_> = sections().iter().flat_map(Section::left_open).collect();
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn every_series_that_is_named_exists() {
        let sections = sections();
        let named: BTreeSet<_> = sections.iter().flat_map(Section::metrics).collect();
        let known: BTreeSet<_> = crate::all_series().map(|series| series.name()).collect();
        let missing: Vec<_> = named.difference(&known).collect();
        assert_eq!(missing, [&""; 0]);
    }
}
