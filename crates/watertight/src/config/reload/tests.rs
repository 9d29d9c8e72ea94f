//! Reloads: what is taken over, what is refused, what is told.

use super::*;
use crate::config::tests::{Setting, Shop};
use std::path::Path;

fn write(setting: &Setting, text: &str) {
    std::fs::write(setting.dir.path().join("shop.toml"), text).unwrap();
}

fn started(text: &str) -> (Setting, Configured, Live<Shop>) {
    let setting = Setting::new("--data d").file("shop.toml", text);
    let (configured, own) = Configured::new::<Shop>(&setting.inputs).unwrap();
    (setting, configured, own)
}

#[test]
fn a_reload_takes_over_what_is_live_and_names_the_rest() {
    let (setting, configured, own) = started("[shop]\njobs = 1\nkeep = \"1h\"\n");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    configured
        .reloader
        .now_and_then(move |chassis| kept.lock().unwrap().push(chassis.requests_max));
    write(
        &setting,
        "[shop]\njobs = 2\nkeep = \"2h\"\n[watertight]\nrequests_max = 7\n",
    );
    configured.reloader.look(Why::Hangup);
    assert_eq!((own.load().jobs, own.load().keep.as_secs()), (2, 3600));
    assert_eq!(*seen.lock().unwrap(), [8192, 7]);
    let state = configured.reloader.state();
    assert_eq!(
        (state.restart.clone(), state.refused),
        (vec!["[shop] keep".to_owned()], false)
    );
    assert!(state.effective.to_string().contains("[shop] jobs"));
    // Said again as long as it holds, and no longer.
    write(&setting, "[shop]\njobs = 2\nkeep = \"1h\"\n");
    configured.reloader.look(Why::Hangup);
    assert_eq!(configured.reloader.state().restart, [""; 0]);
    assert_eq!(configured.chassis.load().requests_max, 8192);
}

#[test]
fn what_is_wrong_with_a_part_refuses_the_whole() {
    let (setting, configured, own) = started("[shop]\njobs = 1\n");
    for bad in [
        "[shop]\njobs = 2\ntry_max = \"never\"\n",
        "[shop]\njobs = 2\n[stall]\n",
        "[shop]\njobs = 2\nkeep = \"1s\"\n",
        "[shop\njobs = 2",
    ] {
        write(&setting, bad);
        configured.reloader.look(Why::Hangup);
        assert_eq!(own.load().jobs, 1, "{bad}");
        assert!(configured.reloader.state().refused, "{bad}");
    }
    std::fs::remove_file(setting.dir.path().join("shop.toml")).unwrap();
    configured.reloader.look(Why::Hangup);
    assert_eq!(own.load().jobs, 1);
    write(&setting, "[shop]\njobs = 3\n");
    configured.reloader.look(Why::Hangup);
    assert_eq!(
        (own.load().jobs, configured.reloader.state().refused),
        (3, false)
    );
}

/// Together they are good, but one of them needs a restart.
#[test]
fn what_does_not_go_together_with_what_runs_is_refused() {
    let (setting, configured, own) = started("[shop]\nkeep = \"1m\"\n");
    write(&setting, "[shop]\nkeep = \"1h\"\ntry_max = \"5m\"\n");
    configured.reloader.look(Why::Hangup);
    assert_eq!(own.load().try_max.as_secs(), 10);
    assert!(configured.reloader.state().refused);
}

#[test]
fn flags_win_over_a_reload_too() {
    let setting = Setting::new("--data d --jobs 9").file("shop.toml", "");
    let (configured, own) = Configured::new::<Shop>(&setting.inputs).unwrap();
    write(&setting, "[shop]\njobs = 2\n");
    configured.reloader.look(Why::Hangup);
    assert_eq!(own.load().jobs, 9);
}

#[test]
fn checking_ends_with_a_table_without_secrets() {
    let setting = Setting::new("--data d --check-config").env("SHOP_PASSWORD", "s3cret");
    let Err(ConfigError::Checked(table)) = Configured::new::<Shop>(&setting.inputs) else {
        panic!("went on");
    };
    let line = |key: &str| {
        let found = table
            .lines()
            .find(|line| line.starts_with(&format!("[shop] {key} ")));
        let words: Vec<_> = found
            .unwrap_or_default()
            .split_whitespace()
            .skip(2)
            .collect();
        words.join(" ")
    };
    assert_eq!(line("try_max"), "10s default");
    assert_eq!(line("data"), "d --data");
    assert_eq!(line("password"), "(set) SHOP_PASSWORD");
    assert!(
        !table.contains("s3cret") && !table.contains("crash"),
        "{table}"
    );
    assert!(table.contains("[watertight] admin_token "), "{table}");
}

#[watertight::test(start_paused = true)]
async fn a_file_that_says_something_else_is_noticed() {
    let (setting, configured, own) = started("[shop]\njobs = 1\n");
    let changed = async {
        while own.load().jobs == 1 {
            configured.reloader.changed().await;
            configured.reloader.look(Why::Change);
        }
    };
    let write = async {
        testkit::let_pass(std::time::Duration::from_secs(60), "by a paused clock").await;
        write(&setting, "[shop]\njobs = 2\n");
    };
    watertight_core::join(changed, write).await;
    assert_eq!(own.load().jobs, 2);
}

#[test]
fn a_token_file_that_can_not_be_used_is_a_mistake() {
    let wrong = |path: &Path| {
        let setting = Setting::new("--data d").flag("--admin-token-file", path.to_str().unwrap());
        setting.wrong().join("\n")
    };
    let dir = testkit::temp_dir();
    let path = dir.path().join("token");
    assert!(
        wrong(&path).starts_with("--admin-token-file: "),
        "{}",
        wrong(&path)
    );
    for bad in ["", "\n", "two\nlines s3cret", &"s3cret".repeat(1000)] {
        std::fs::write(&path, bad).unwrap();
        let wrong = wrong(&path);
        assert!(wrong.contains("does not hold one line of text"), "{wrong}");
        assert!(!wrong.contains("s3cret"), "{wrong}");
    }
    for short in ["s3cret", "s3cret-15-chars", "  s3cret-15-chars \n"] {
        std::fs::write(&path, short).unwrap();
        let wrong = wrong(&path);
        assert!(
            wrong.contains("holds less than 16 characters"),
            "{short}: {wrong}"
        );
        assert!(!wrong.contains("s3cret"), "{wrong}");
    }
    std::fs::write(&path, "s3cret-16-chars!\n").unwrap();
    let setting = Setting::new("--data d").flag("--admin-token-file", path.to_str().unwrap());
    assert!(setting.inputs.load::<Shop>().is_ok());
}

/// Set, but to nothing anybody would have to guess.
#[test]
fn a_token_that_keeps_nobody_out_is_a_mistake() {
    let with = |token: &str| Setting::new("--data d").env("WATERTIGHT_ADMIN_TOKEN", token);
    assert_eq!(
        with("").wrong(),
        ["WATERTIGHT_ADMIN_TOKEN: is set, but empty"]
    );
    for short in [" ", &" ".repeat(40), "s3cret", " s3cret-15-chars "] {
        assert_eq!(
            with(short).wrong(),
            ["WATERTIGHT_ADMIN_TOKEN: holds less than 16 characters"],
            "{short:?}"
        );
    }
    let setting = with(" s3cret-16-chars! ");
    let (configured, _own) = Configured::new::<Shop>(&setting.inputs).unwrap();
    // Spaces around it don't come with a request, so they don't count here.
    let token = configured.reloader.token().load_full().unwrap();
    assert!(token.is(b"s3cret-16-chars!"));
}

fn pem(dir: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

#[test]
fn certificates_that_went_bad_do_not_stand_in_the_way() {
    let setting = Setting::new("--data d").file("shop.toml", "[shop]\njobs = 1\n");
    let (cert, key) = pem(setting.dir.path());
    let setting = setting
        .flag("--tls-cert", cert.to_str().unwrap())
        .flag("--tls-key", key.to_str().unwrap());
    let (configured, own) = Configured::new::<Shop>(&setting.inputs).unwrap();
    std::fs::write(&cert, "half of a renewal").unwrap();
    write(&setting, "[shop]\njobs = 2\n");
    configured.reloader.look(Why::Change);
    assert_eq!(own.load().jobs, 2);
    // A start is another matter.
    assert!(setting.wrong()[0].starts_with("--tls-cert: "));
}

/// What was wrong may be mended outside of the documents.
#[test]
fn a_refused_reload_is_tried_again_and_told_once() {
    let recorder = crate::MetricsRegistry::default();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let refused = |times: u32| {
        let line = format!("config_reloads_total{{result=\"refused\"}} {times}");
        assert!(recorder.render().contains(&line), "{line}");
    };
    let (setting, configured, own) = started("[shop]\njobs = 1\n");
    let token = setting.dir.path().join("token");
    let text = format!(
        "[shop]\njobs = 2\n[watertight]\nadmin_token_file = {:?}\n",
        token.display().to_string()
    );
    write(&setting, &text);
    for _ in 0..3 {
        configured.reloader.look(Why::Change);
        assert_eq!(own.load().jobs, 1);
        refused(1);
    }
    configured.reloader.look(Why::Hangup);
    refused(2);
    std::fs::write(&token, "s3cret-of-the-shop\n").unwrap();
    configured.reloader.look(Why::Change);
    assert_eq!(own.load().jobs, 2);
    assert!(!configured.reloader.state().refused);
}

/// Whatever was looked at last: only the token in use counts.
#[test]
fn a_token_that_is_not_the_one_in_use_is_a_change() {
    let setting = Setting::new("--data d");
    let path = setting.dir.path().join("token");
    let [old, new, newer] = [
        "the-old-shop-token",
        "the-new-shop-token",
        "the-newer-shop-token",
    ];
    std::fs::write(&path, old).unwrap();
    let setting = setting.flag("--admin-token-file", path.to_str().unwrap());
    let (configured, _own) = Configured::new::<Shop>(&setting.inputs).unwrap();
    let reloader = &configured.reloader;
    let holds = |text: &str| {
        let token = reloader.token().load_full();
        token.is_some_and(|token| token.is(text.as_bytes()))
    };
    assert!(holds(old) && !reloader.token_changed());
    for token in [new, newer] {
        std::fs::write(&path, token).unwrap();
        assert!(reloader.token_changed());
        reloader.look(Why::Change);
        assert!(holds(token) && !reloader.token_changed());
    }
    for bad in ["", "  \n", "short"] {
        std::fs::write(&path, bad).unwrap();
        reloader.look(Why::Change);
        assert!(holds(newer) && reloader.state().refused, "{bad:?}");
    }
    std::fs::remove_file(&path).unwrap();
    reloader.look(Why::Change);
    assert!(holds(newer) && reloader.state().refused);
}

#[test]
fn lists_that_look_the_same_are_told_apart() {
    let (setting, configured, own) = started("[shop]\nnames = [\"a,b\", \"c\"]\n");
    let restart = || configured.reloader.state().restart.clone();
    for text in [
        "[shop]\nnames = [\"a\", \"b,c\"]\n",
        "[shop]\nnames = [\"a\", \"b\", \"c\"]\n",
    ] {
        write(&setting, text);
        configured.reloader.look(Why::Change);
        assert_eq!(own.load().names, ["a,b", "c"], "{text}");
        assert_eq!(restart(), ["[shop] names"], "{text}");
    }
    write(&setting, "shop.names = [\"a,b\", \"c\"]\n");
    configured.reloader.look(Why::Change);
    assert_eq!(restart(), [""; 0]);
}

/// A source of a service's own.
#[derive(Debug, Default)]
struct Store {
    text: Mutex<String>,
    told: tokio::sync::Notify,
}

impl Source for Arc<Store> {
    fn read(&self) -> Vec<Document> {
        vec![Document {
            name: "store".to_owned(),
            text: Ok(self.text.lock().unwrap().clone()),
        }]
    }

    fn changed(&self) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(self.told.notified())
    }
}

#[watertight::test]
async fn a_source_of_the_service_wins_over_files_and_is_followed() {
    let setting = Setting::new("--data d --try-max 3s")
        .file("shop.toml", "[shop]\njobs = 1\nsize = \"1KiB\"\n");
    let store = Arc::new(Store::default());
    *store.text.lock().unwrap() = "[shop]\njobs = 7\ntry_max = \"9s\"\n".to_owned();
    let mut app = crate::App::from_inputs(setting.inputs.clone()).source(Arc::clone(&store));
    let own = app.live::<Shop>().unwrap();
    let reloader = app.configured().unwrap().reloader;
    assert_eq!((own.load().jobs, own.load().size.0), (7, 1024));
    assert_eq!(own.load().try_max.as_secs(), 3);
    *store.text.lock().unwrap() = "[shop]\n\njobs = \"x\"\n".to_owned();
    store.told.notify_one();
    reloader.changed().await;
    reloader.look(Why::Change);
    assert!(reloader.state().refused);
    let error = reloader.seen.lock().unwrap().refused.clone().unwrap();
    assert!(error.contains("store:3: [shop] jobs"), "{error}");
    *store.text.lock().unwrap() = "[shop]\njobs = 8\n".to_owned();
    reloader.look(Why::Change);
    assert_eq!(own.load().jobs, 8);
}
