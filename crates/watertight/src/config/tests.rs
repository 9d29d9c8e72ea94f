//! Settings from all places together.

use super::{Bytes, Checks, Inputs, Origin, Secret, Url};
use crate::ConfigError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use testkit::TempDir;

crate::settings! {
    /// Settings of a shop.
    [shop, check = check]
    pub(super) struct Shop {
        /// Where the goods are.
        pub(super) data: PathBuf = required(),
        /// How long a try takes.
        pub(super) try_max: Duration = default("10s").range("100ms", "10m").live(),
        /// How long things are kept.
        pub(super) keep: Duration = default("1h").range("1s", "7d"),
        /// How many at once.
        pub(super) jobs: u32 = default("16").range("1", "100").live(),
        /// How large.
        pub(super) size: Bytes = default("4KiB"),
        /// Whether at all.
        pub(super) open: bool = default("true"),
        /// The others.
        pub(super) peer: Vec<Url> = optional(),
        /// What they are called.
        pub(super) names: Vec<String> = optional(),
        /// What nobody may know.
        pub(super) password: Option<Secret> = optional().secret(),
        /// What only tests do.
        pub(super) crash: Option<u32> = optional().hidden(),
    }
}

fn check(shop: &Shop, checks: &mut Checks<'_>) {
    checks.at_least(("keep", &shop.keep), ("try_max", &shop.try_max));
}

/// A directory with files, and what else a process is started with.
pub(super) struct Setting {
    pub(super) dir: TempDir,
    pub(super) inputs: Inputs,
}

impl Setting {
    pub(super) fn new(flags: &str) -> Self {
        let args = std::iter::once("shop").chain(flags.split_whitespace());
        Self {
            dir: testkit::temp_dir(),
            inputs: Inputs {
                program: "shop",
                args: args.map(Into::into).collect(),
                env: Vec::new(),
                sources: Vec::new(),
            },
        }
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.env.push((name.into(), value.into()));
        self
    }

    /// Writes a file and, for the first one, names it on the command line.
    pub(super) fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        if name == "shop.toml" {
            self.inputs.args.extend(["--config".into(), path.into()]);
        }
        self
    }

    pub(super) fn flag(mut self, flag: &str, value: &str) -> Self {
        self.inputs.args.extend([flag, value].map(OsString::from));
        self
    }

    pub(super) fn shop(&self) -> Shop {
        self.inputs.load::<Shop>().unwrap().own
    }

    /// The mistakes, with the directory left out of their places.
    pub(super) fn wrong(&self) -> Vec<String> {
        let Err(ConfigError::Invalid(mistakes)) = self.inputs.load::<Shop>() else {
            panic!("nothing is wrong");
        };
        let dir = format!("{}/", self.dir.path().display());
        let text = |mistake: &super::Mistake| mistake.to_string().replace(&dir, "");
        mistakes.iter().map(text).collect()
    }
}

/// Each place alone and every pair: the stronger one wins.
#[test]
fn places_win_in_their_order() {
    for places in 0..16_u32 {
        let given = |place: u32| places & (1 << place) != 0;
        let mut setting = Setting::new("--data d");
        let mut expected = (16, Origin::Default);
        let path = |setting: &Setting, name: &str| {
            setting.dir.path().join(name).display().to_string().into()
        };
        let line = if given(0) { "jobs = 1" } else { "" };
        setting = setting.file("shop.toml", &format!("[shop]\n\n{line}\n"));
        if given(0) {
            expected = (
                1,
                Origin::File {
                    path: path(&setting, "shop.toml"),
                    line: 3,
                },
            );
        }
        if given(1) {
            setting = setting
                .file("shop.prod.toml", "[shop]\njobs = 2\n")
                .flag("--environment", "prod");
            expected = (
                2,
                Origin::File {
                    path: path(&setting, "shop.prod.toml"),
                    line: 2,
                },
            );
        }
        if given(2) {
            setting = setting.env("SHOP_JOBS", "3");
            expected = (3, Origin::Env("SHOP_JOBS".to_owned()));
        }
        if given(3) {
            setting = setting.flag("--jobs", "4");
            expected = (4, Origin::Flag("--jobs".to_owned()));
        }
        let loaded = setting.inputs.load::<Shop>().unwrap();
        let origin = loaded.values.entries[&("shop", "jobs")].origin.clone();
        assert_eq!((loaded.own.jobs, origin), expected, "places {places:04b}");
    }
}

#[test]
fn a_list_comes_as_an_array_with_commas_or_again_and_again() {
    let peers = |setting: Setting| -> Vec<String> {
        setting
            .shop()
            .peer
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let two = ["http://a:1", "http://b:2"];
    let start = || Setting::new("--data d");
    let array = "[shop]\npeer = [\n  \"http://a:1\",\n  \"http://b:2\",\n]";
    assert_eq!(peers(start().file("shop.toml", array)), two);
    assert_eq!(
        peers(start().env("SHOP_PEER", "http://a:1, http://b:2")),
        two
    );
    let flags = start()
        .flag("--peer", "http://a:1")
        .flag("--peer", "http://b:2");
    assert_eq!(peers(flags), two);
    assert_eq!(peers(start()), [""; 0]);
}

#[test]
fn the_file_of_the_environment_must_be_there() {
    let setting = Setting::new("--data d --environment prod").file("shop.toml", "");
    assert_eq!(
        setting.wrong(),
        ["shop.prod.toml: cannot be read: No such file or directory (os error 2)"]
    );
    assert_eq!(
        Setting::new("--data d")
            .env("WATERTIGHT_ENVIRONMENT", "prod")
            .wrong(),
        ["WATERTIGHT_ENVIRONMENT: needs a file that it belongs to: --config or WATERTIGHT_CONFIG"]
    );
    for bad in ["", "../x", "../../x", "a/b", "a.b"] {
        let start = || Setting::new("--data d").file("shop.toml", "");
        let flag = start().flag("--environment", bad);
        // Looked for before anything is checked, with the same name.
        assert_eq!(flag.inputs.peek("log"), None, "{bad}");
        assert_eq!(
            flag.wrong(),
            ["--environment: may have letters, digits, - and _ alone"],
            "{bad}"
        );
        let env = start().env("WATERTIGHT_ENVIRONMENT", bad);
        assert_eq!(env.inputs.peek("log"), None, "{bad}");
        if !bad.is_empty() {
            assert_eq!(
                env.wrong(),
                ["WATERTIGHT_ENVIRONMENT: may have letters, digits, - and _ alone"],
                "{bad}"
            );
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let setting = Setting::new("--size 5 --no-such-flag 7 --try-max 1ms --jobs 1 --jobs 2")
        .file(
            "shop.toml",
            "[shop]\njobs = 1000\ntry_maks = \"1s\"\nkeep = 10\nopen = \"yes\"\n\n[stall]\nx = 1\n",
        )
        .env("SHOP_KEEP", "10 parsecs")
        .env("SHOP_JOBZ", "7")
        .env("WATERTIGHT_LISTEN", "everywhere");
    assert_eq!(
        setting.wrong(),
        [
            "[shop] data: is missing: set it as --data, SHOP_DATA or in a file",
            "shop.toml:2: [shop] jobs: 1000 must be 1 to 100",
            "shop.toml:3: [shop] try_maks: is not a setting; did you mean try_max?",
            r#"shop.toml:4: [shop] keep: 10 needs a unit, in quotes: "10ms" or "10s""#,
            "shop.toml:5: [shop] open: must be true or false without quotes",
            "shop.toml:7: [stall] is not a section of this service",
            "SHOP_JOBZ: is not a setting; did you mean SHOP_JOBS?",
            r#"SHOP_KEEP: "10 parsecs" has an unknown unit: use ms, s, m, h or d"#,
            r#"WATERTIGHT_LISTEN: "everywhere" is not an address such as 127.0.0.1:8080"#,
            "--jobs: is given 2 times",
            "--no-such-flag: is not a flag of this service",
            r#"--size: "5" needs a unit: B, KiB, MiB or GiB"#,
            "--try-max: 1ms must be 100ms to 10m",
        ]
    );
}

#[test]
fn what_is_overridden_must_be_right_too() {
    let setting = Setting::new("--data d --jobs 5").file("shop.toml", "[shop]\njobs = 0\n");
    assert_eq!(
        setting.wrong(),
        ["shop.toml:2: [shop] jobs: 0 must be 1 to 100"]
    );
}

#[test]
fn every_fault_of_a_files_syntax_has_its_line() {
    let setting =
        Setting::new("--data d").file("shop.toml", "[shop]\njobs = \nkeep = \"x\nopen = true\n");
    let wrong = setting.wrong();
    assert!(wrong[0].starts_with("shop.toml:2: "), "{wrong:?}");
    assert!(wrong[1].starts_with("shop.toml:3: "), "{wrong:?}");
    assert_eq!(
        Setting::new("--data d")
            .file("shop.toml", "[shop]\njobs = 1\njobs = 2\n")
            .wrong(),
        ["shop.toml:3: duplicate key"]
    );
}

#[test]
fn a_file_that_is_none_is_named() {
    let huge = format!("# {}", "x".repeat(1024 * 1024));
    let wrong = Setting::new("--data d").file("shop.toml", &huge).wrong();
    assert_eq!(wrong, ["shop.toml: is larger than 1048576 bytes"]);
    let setting = Setting::new("--data d").file("shop.toml", "");
    std::fs::write(setting.dir.path().join("shop.toml"), b"\xff").unwrap();
    assert_eq!(setting.wrong(), ["shop.toml: is not UTF-8"]);
    assert_eq!(
        Setting::new("--data d --config /no/such.toml").wrong(),
        ["/no/such.toml: cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn settings_that_contradict_each_other_are_both_named() {
    let setting =
        Setting::new("--data d --keep 20s").file("shop.toml", "[shop]\ntry_max = \"30s\"\n");
    let path = setting.dir.path().join("shop.toml");
    let Err(ConfigError::Invalid(mistakes)) = setting.inputs.load::<Shop>() else {
        panic!("nothing is wrong");
    };
    let expected = format!(
        "--keep: 20s must not be less than try_max (try_max is 30s, {}:2)",
        path.display()
    );
    assert_eq!(mistakes.to_string(), expected);
}

#[test]
fn what_kubernetes_injects_is_no_mistake() {
    let setting = Setting::new("--data d")
        .env("SHOP_SERVICE_HOST", "10.0.0.1")
        .env("SHOP_PORT", "tcp://10.0.0.1:80")
        .env("SHOP_PORT_80_TCP_ADDR", "10.0.0.1")
        .env("WATERTIGHT_SERVICE_PORT_HTTP", "80")
        .env("SHOPPING", "1")
        .env("OTHER_DATA", "x");
    assert_eq!(setting.shop().data, PathBuf::from("d"));
}

#[test]
fn a_secret_comes_from_the_environment_alone_and_is_never_told() {
    let setting = Setting::new("--data d").env("SHOP_PASSWORD", "s3cret");
    let shop = setting.shop();
    assert_eq!(shop.password.as_ref().map(Secret::expose), Some("s3cret"));
    assert!(!format!("{shop:?}").contains("s3cret"));
    let elsewhere = Setting::new("--data d --password s3cret")
        .file("shop.toml", "[shop]\npassword = \"s3cret\"\n")
        .env("SHOP_PASSWORT", "s3cret");
    assert_eq!(
        elsewhere.wrong(),
        [
            "shop.toml:2: [shop] password: is a secret and is taken from the environment alone, as SHOP_PASSWORD",
            "SHOP_PASSWORT: is not a setting; did you mean SHOP_PASSWORD?",
            "--password: is not a flag of this service",
        ]
    );
    let bad = Setting::new("--data d")
        .env("SHOP_PASSWORD", "s3cret\nmore")
        .wrong();
    assert_eq!(
        bad,
        ["SHOP_PASSWORD: is not a usable value (not shown, it is a secret)"]
    );
    // There is no weaker place whose value it could take back.
    let empty = Setting::new("--data d").env("SHOP_PASSWORD", "").wrong();
    assert_eq!(empty, ["SHOP_PASSWORD: is set, but empty"]);
}

#[test]
fn help_shows_flags_of_both_but_not_hidden_ones() {
    let Err(ConfigError::Help(text)) = Setting::new("--help").inputs.load::<Shop>() else {
        panic!("no help");
    };
    for shown in [
        "--try-max <DURATION>",
        "SHOP_TRY_MAX",
        "100ms to 10m",
        "[default: 10s]",
        "--listen",
        "--check-config",
        "Shop:",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(
        !text.contains("--crash") && !text.contains("password"),
        "{text}"
    );
}

#[test]
fn what_a_service_needs_early_is_found_without_its_settings() {
    let peek = |setting: Setting| setting.inputs.peek("log");
    let file = |setting: Setting| setting.file("shop.toml", "[watertight]\nlog = \"warn\"\n");
    assert_eq!(peek(Setting::new("--other x")), None);
    assert_eq!(peek(file(Setting::new(""))).as_deref(), Some("warn"));
    let env = |setting: Setting| setting.env("WATERTIGHT_LOG", "debug");
    assert_eq!(peek(env(file(Setting::new("")))).as_deref(), Some("debug"));
    assert_eq!(
        peek(env(file(Setting::new("--log=error")))).as_deref(),
        Some("error")
    );
    let special =
        file(Setting::new("--environment p")).file("shop.p.toml", "watertight.log = \"trace\"");
    assert_eq!(peek(special).as_deref(), Some("trace"));
}

/// The tables of the test and of the chassis hold together.
#[test]
fn all_defaults_are_good_values() {
    let loaded = Setting::new("--data d").inputs.load::<Shop>().unwrap();
    assert_eq!(loaded.chassis.request_timeout, Duration::from_secs(10));
    let defaults = crate::ServerConfig::default();
    let mapped = crate::ServerConfig::from(&loaded.chassis);
    assert_eq!(format!("{mapped:?}"), format!("{defaults:?}"));
    let Shop {
        size, open, crash, ..
    } = loaded.own;
    assert_eq!((size, open, crash), (Bytes(4096), true, None));
}

#[test]
fn tables_that_clash_are_refused() {
    crate::settings! {
        /// Clashes.
        [bad]
        pub(super) struct Bad {
            /// A flag of the chassis.
            pub(super) listen: String = default("x"),
            /// What Kubernetes sets.
            pub(super) port: u16 = default("1"),
            /// A flag of every service.
            pub(super) config: bool = default("true"),
        }
    }
    match Setting::new("").inputs.load::<Bad>() {
        Err(ConfigError::Invalid(mistakes)) => {
            assert_eq!(mistakes.iter().count(), 3, "{mistakes}");
        }
        Err(error) => panic!("{error}"),
        Ok(loaded) => {
            let Bad {
                listen,
                port,
                config,
            } = loaded.own;
            panic!("{listen} {port} {config}");
        }
    }
}
